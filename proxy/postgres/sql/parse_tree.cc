#include "proxy/postgres/sql/parse_tree.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "proxy/postgres/sql/known_functions.h"
#include "proxy/postgres/sql/large_stack.h"

namespace postgres_proxy {
namespace {

using failover::postgres::StatementKind;
using Kind = SessionChange::Kind;

// The stack of an event loop is not endless.
constexpr int kDeepest = 400;
// The option of DECLARE, as in the server's parsenodes.h.
constexpr int kCursorWithHold = 0x0020;

// The statements that commit at their end or not at all, and that act on nothing outside their
// transaction. What is not named here may do anything.
constexpr std::array<PgQuery__Node__NodeCase, 45> kTransactional = {
    PG_QUERY__NODE__NODE_SELECT_STMT,
    PG_QUERY__NODE__NODE_INSERT_STMT,
    PG_QUERY__NODE__NODE_UPDATE_STMT,
    PG_QUERY__NODE__NODE_DELETE_STMT,
    PG_QUERY__NODE__NODE_MERGE_STMT,
    PG_QUERY__NODE__NODE_COPY_STMT,
    PG_QUERY__NODE__NODE_EXPLAIN_STMT,
    PG_QUERY__NODE__NODE_VARIABLE_SET_STMT,
    PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT,
    PG_QUERY__NODE__NODE_TRANSACTION_STMT,
    PG_QUERY__NODE__NODE_LISTEN_STMT,
    PG_QUERY__NODE__NODE_UNLISTEN_STMT,
    PG_QUERY__NODE__NODE_NOTIFY_STMT,
    PG_QUERY__NODE__NODE_LOCK_STMT,
    PG_QUERY__NODE__NODE_PREPARE_STMT,
    PG_QUERY__NODE__NODE_DEALLOCATE_STMT,
    PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT,
    PG_QUERY__NODE__NODE_FETCH_STMT,
    PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT,
    PG_QUERY__NODE__NODE_DISCARD_STMT,
    PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT,
    PG_QUERY__NODE__NODE_LOAD_STMT,
    PG_QUERY__NODE__NODE_CREATE_STMT,
    PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT,
    PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT,
    PG_QUERY__NODE__NODE_VIEW_STMT,
    PG_QUERY__NODE__NODE_INDEX_STMT,
    PG_QUERY__NODE__NODE_ALTER_TABLE_STMT,
    PG_QUERY__NODE__NODE_DROP_STMT,
    PG_QUERY__NODE__NODE_TRUNCATE_STMT,
    PG_QUERY__NODE__NODE_RENAME_STMT,
    PG_QUERY__NODE__NODE_COMMENT_STMT,
    PG_QUERY__NODE__NODE_GRANT_STMT,
    PG_QUERY__NODE__NODE_GRANT_ROLE_STMT,
    PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT,
    PG_QUERY__NODE__NODE_CREATE_SEQ_STMT,
    PG_QUERY__NODE__NODE_ALTER_SEQ_STMT,
    PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT,
    PG_QUERY__NODE__NODE_CREATE_TRIG_STMT,
    PG_QUERY__NODE__NODE_CREATE_ENUM_STMT,
    PG_QUERY__NODE__NODE_CREATE_DOMAIN_STMT,
    PG_QUERY__NODE__NODE_CREATE_ROLE_STMT,
    PG_QUERY__NODE__NODE_ALTER_ROLE_STMT,
    PG_QUERY__NODE__NODE_DROP_ROLE_STMT,
    PG_QUERY__NODE__NODE_CREATE_POLICY_STMT,
};

bool IsTransactional(PgQuery__Node__NodeCase node) {
  return std::find(kTransactional.begin(), kTransactional.end(), node) != kTransactional.end();
}

std::string_view TextOf(const char* text) { return text == nullptr ? "" : text; }

bool IsTemporarySchema(std::string_view schema) { return schema.substr(0, 7) == "pg_temp"; }

// --- Whatever stands inside a statement ----------------------------------------------------------

// Walks through all messages below one. A tree that is too deep makes the traits the worst.
class Walker {
 public:
  explicit Walker(StatementTraits& traits) : traits_(traits) {}

  void Visit(const ProtobufCMessage* message, int depth) {
    if (message == nullptr) return;
    if (depth > kDeepest) {
      traits_.kind = StatementKind::kMayCommitInside;
      traits_.calls_unknown = true;
      Has(Unmovable::kUnjudged);
      return;
    }
    Look(message);
    const ProtobufCMessageDescriptor& type = *message->descriptor;
    for (unsigned i = 0; i < type.n_fields; ++i) VisitField(message, type.fields[i], depth);
  }

 private:
  void VisitField(const ProtobufCMessage* message, const ProtobufCFieldDescriptor& field,
                  int depth) {
    if (field.type != PROTOBUF_C_TYPE_MESSAGE) return;
    const char* const base = reinterpret_cast<const char*>(message);
    if (field.label == PROTOBUF_C_LABEL_REPEATED) {
      const auto count = *reinterpret_cast<const std::size_t*>(base + field.quantifier_offset);
      auto* const* const items =
          *reinterpret_cast<ProtobufCMessage* const* const*>(base + field.offset);
      for (std::size_t i = 0; i < count; ++i) Visit(items[i], depth + 1);
      return;
    }
    // All members of a union have the same place.
    const bool is_set =
        (field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 ||
        *reinterpret_cast<const std::uint32_t*>(base + field.quantifier_offset) == field.id;
    if (is_set) {
      Visit(*reinterpret_cast<ProtobufCMessage* const*>(base + field.offset), depth + 1);
    }
  }

  void Look(const ProtobufCMessage* message) {
    if (message->descriptor == &pg_query__func_call__descriptor) {
      LookAtCall(*reinterpret_cast<const PgQuery__FuncCall*>(message));
    } else if (message->descriptor == &pg_query__range_var__descriptor) {
      const auto& table = *reinterpret_cast<const PgQuery__RangeVar*>(message);
      if (TextOf(table.relpersistence) == "t" || IsTemporarySchema(TextOf(table.schemaname))) {
        Has(Unmovable::kTemporary);
      }
    } else if (message->descriptor == &pg_query__partition_cmd__descriptor) {
      const auto& command = *reinterpret_cast<const PgQuery__PartitionCmd*>(message);
      if (command.concurrent != 0) traits_.kind = StatementKind::kMayCommitInside;
    }
  }

  void LookAtCall(const PgQuery__FuncCall& call) {
    if (call.n_funcname == 0) return;
    const PgQuery__Node* const last = call.funcname[call.n_funcname - 1];
    if (last->node_case != PG_QUERY__NODE__NODE_STRING) return;
    const std::string_view name = TextOf(last->string->sval);
    std::string_view schema;
    if (call.n_funcname > 1 && call.funcname[0]->node_case == PG_QUERY__NODE__NODE_STRING) {
      schema = TextOf(call.funcname[0]->string->sval);
    }
    if (IsTemporarySchema(schema)) Has(Unmovable::kTemporary);
    const bool is_of_postgres = call.n_funcname == 1 || schema == "pg_catalog";
    if (!is_of_postgres || !IsKnownFunction(name)) traits_.calls_unknown = true;
    if (name == "pg_advisory_lock" || name == "pg_advisory_lock_shared" ||
        name == "pg_try_advisory_lock" || name == "pg_try_advisory_lock_shared") {
      Has(Unmovable::kAdvisoryLock);
    } else if (name == "pg_advisory_unlock_all") {
      traits_.changes.push_back({Kind::kHasNoMore, Unmovable::kAdvisoryLock});
    } else if (name == "set_config") {
      if (!IsLocal(call)) Has(Unmovable::kSettings);
    } else if (name == "setseed") {
      Has(Unmovable::kSettings);
    } else if (name.substr(0, 6) == "dblink" || name.find("replication_slot") != name.npos ||
               name == "pg_export_snapshot" || name.find("backup_start") != name.npos ||
               name == "pg_start_backup") {
      traits_.kind = StatementKind::kMayCommitInside;
      Has(Unmovable::kUnjudged);
    }
  }

  // Whether set_config sets something for the transaction only.
  static bool IsLocal(const PgQuery__FuncCall& call) {
    if (call.n_args != 3 || call.args[2]->node_case != PG_QUERY__NODE__NODE_A_CONST) return false;
    const PgQuery__AConst& value = *call.args[2]->a_const;
    return value.val_case == PG_QUERY__A__CONST__VAL_BOOLVAL && value.boolval->boolval != 0;
  }

  void Has(Unmovable what) { traits_.changes.push_back({Kind::kHas, what}); }

  StatementTraits& traits_;
};

// --- The statements that say what they do --------------------------------------------------------

void JudgeTransaction(const PgQuery__TransactionStmt& statement, StatementTraits& traits) {
  switch (statement.kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
      traits.kind = StatementKind::kBegin;
      traits.control = Control::kBegin;
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
      traits.kind = StatementKind::kCommit;
      traits.control = statement.chain != 0 ? Control::kOther : Control::kCommit;
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
      traits.control = statement.chain != 0 ? Control::kOther : Control::kRollback;
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_PREPARE:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT_PREPARED:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_PREPARED:
      traits.kind = StatementKind::kTwoPhase;
      traits.control = Control::kOther;
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
      traits.changes.push_back({Kind::kSavepoint});
      traits.control = Control::kOther;
      break;
    default:
      traits.control = Control::kOther;
      break;
  }
  for (std::size_t i = 0; i < statement.n_options; ++i) {
    const PgQuery__Node& option = *statement.options[i];
    if (option.node_case == PG_QUERY__NODE__NODE_DEF_ELEM &&
        TextOf(option.def_elem->defname) == "transaction_read_only") {
      traits.read_only_requested = true;
    }
  }
}

void JudgeSet(const PgQuery__VariableSetStmt& statement, std::string_view text,
              StatementTraits& traits) {
  if (statement.is_local != 0) return;
  const std::string name = absl::AsciiStrToLower(std::string(TextOf(statement.name)));
  switch (statement.kind) {
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE:
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_CURRENT:
      traits.changes.push_back({Kind::kRemember, {}, name, std::string(text)});
      break;
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT:
    case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET:
      traits.changes.push_back({Kind::kForget, {}, name, {}});
      break;
    case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL:
      traits.changes.push_back({Kind::kForgetAll});
      break;
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI:
      // SET TRANSACTION belongs to its transaction.
      if (name == "session characteristics") {
        traits.changes.push_back({Kind::kRemember, {}, std::string(text), std::string(text)});
      }
      traits.read_only_requested = true;
      break;
    default:
      traits.changes.push_back({Kind::kHas, Unmovable::kUnjudged});
      break;
  }
}

void JudgeDiscard(const PgQuery__DiscardStmt& statement, StatementTraits& traits) {
  if (statement.target == PG_QUERY__DISCARD_MODE__DISCARD_ALL) {
    // DISCARD ALL is refused inside a transaction, and commits by itself.
    traits.changes.push_back({Kind::kDiscardAll});
  } else if (statement.target == PG_QUERY__DISCARD_MODE__DISCARD_TEMP) {
    traits.changes.push_back({Kind::kHasNoMore, Unmovable::kTemporary});
  }
}

void JudgeDeallocate(const PgQuery__DeallocateStmt& statement, StatementTraits& traits) {
  const std::string_view name = TextOf(statement.name);
  if (name.empty()) {
    traits.changes.push_back({Kind::kForgetNames});
  } else {
    traits.changes.push_back({Kind::kForgetName, {}, std::string(name), {}});
  }
}

// `text` is that of the statement alone.
void JudgeNode(const PgQuery__Node& node, std::string_view text, StatementTraits& traits) {
  switch (node.node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
      traits.writes = true;
      break;
    case PG_QUERY__NODE__NODE_COPY_STMT:
      traits.writes = node.copy_stmt->is_from != 0;
      if (node.copy_stmt->is_program != 0) traits.kind = StatementKind::kMayCommitInside;
      break;
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
      JudgeTransaction(*node.transaction_stmt, traits);
      break;
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
      JudgeSet(*node.variable_set_stmt, text, traits);
      break;
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
      JudgeDiscard(*node.discard_stmt, traits);
      break;
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
      traits.changes.push_back({Kind::kRememberName,
                                {},
                                std::string(TextOf(node.prepare_stmt->name)),
                                std::string(text)});
      break;
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
      JudgeDeallocate(*node.deallocate_stmt, traits);
      break;
    case PG_QUERY__NODE__NODE_LOAD_STMT:
      traits.changes.push_back({Kind::kRememberName,
                                {},
                                std::string("LOAD ").append(TextOf(node.load_stmt->filename)),
                                std::string(text)});
      break;
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
      traits.changes.push_back({Kind::kHas, Unmovable::kListen});
      break;
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
      if (TextOf(node.unlisten_stmt->conditionname).empty()) {
        traits.changes.push_back({Kind::kHasNoMore, Unmovable::kListen});
      }
      break;
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
      if ((node.declare_cursor_stmt->options & kCursorWithHold) != 0) {
        traits.changes.push_back({Kind::kHas, Unmovable::kHeldCursor});
      }
      break;
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
      if (TextOf(node.close_portal_stmt->portalname).empty()) {
        traits.changes.push_back({Kind::kHasNoMore, Unmovable::kHeldCursor});
      }
      break;
    case PG_QUERY__NODE__NODE_INDEX_STMT:
      if (node.index_stmt->concurrent != 0) traits.kind = StatementKind::kMayCommitInside;
      break;
    case PG_QUERY__NODE__NODE_DROP_STMT:
      if (node.drop_stmt->concurrent != 0) traits.kind = StatementKind::kMayCommitInside;
      break;
    case PG_QUERY__NODE__NODE_DO_STMT:
    case PG_QUERY__NODE__NODE_CALL_STMT:
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
      traits.kind = StatementKind::kMayCommitInside;
      traits.calls_unknown = true;
      if (node.node_case != PG_QUERY__NODE__NODE_EXECUTE_STMT) {
        traits.changes.push_back({Kind::kHas, Unmovable::kUnjudged});
      }
      break;
    default:
      if (!IsTransactional(node.node_case)) traits.kind = StatementKind::kMayCommitInside;
      break;
  }
}

std::string_view TextOfStatement(std::string_view text, const PgQuery__RawStmt& statement) {
  const auto begin = static_cast<std::size_t>(std::max(statement.stmt_location, 0));
  if (begin > text.size()) return {};
  const std::string_view rest = text.substr(begin);
  return statement.stmt_len > 0 ? rest.substr(0, static_cast<std::size_t>(statement.stmt_len))
                                : rest;
}

// The library goes down as deep as the tree of a text is. With the deepest trees it takes about
// 1000 bytes of stack for each byte of text.
constexpr std::size_t kStackPerByte = 4000;
constexpr std::size_t kShortText = 2048;
constexpr std::size_t kLongestText = std::size_t{32} << 10;

struct FreeTree {
  void operator()(PgQuery__ParseResult* tree) const {
    pg_query__parse_result__free_unpacked(tree, nullptr);
  }
};

using Judgement = std::optional<std::vector<StatementTraits>>;

Judgement Judge(std::string_view text) {
  const std::string terminated(text);
  const PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(terminated.c_str());
  std::unique_ptr<PgQuery__ParseResult, FreeTree> tree;
  if (parsed.error == nullptr) {
    tree.reset(pg_query__parse_result__unpack(
        nullptr, parsed.parse_tree.len,
        reinterpret_cast<const std::uint8_t*>(parsed.parse_tree.data)));
  }
  pg_query_free_protobuf_parse_result(parsed);
  if (tree == nullptr) return std::nullopt;
  std::vector<StatementTraits> all;
  for (std::size_t i = 0; i < tree->n_stmts; ++i) {
    const PgQuery__RawStmt& statement = *tree->stmts[i];
    StatementTraits traits;
    if (statement.stmt != nullptr) {
      Walker(traits).Visit(&statement.stmt->base, 0);
      JudgeNode(*statement.stmt, TextOfStatement(text, statement), traits);
    }
    all.push_back(std::move(traits));
  }
  return all;
}

}  // namespace

std::optional<std::vector<StatementTraits>> JudgeByGrammar(std::string_view text) {
  if (text.size() > kLongestText) return std::nullopt;
  if (text.size() <= kShortText) return Judge(text);
  Judgement result;
  RunOnLargeStack(text.size() * kStackPerByte, [&] { result = Judge(text); });
  return result;
}

}  // namespace postgres_proxy
