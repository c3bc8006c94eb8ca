#include "proxy/mysql/session/session_state.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "proxy/mysql/protocol/character_sets.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/session/variable_rules.h"

namespace mysql_proxy {
namespace {

// With this tracking every reply tells how the statement left the session.
constexpr char kTrackSession[] =
    "SET session_track_system_variables='*', session_track_schema=ON, "
    "session_track_state_change=ON, session_track_transaction_info='CHARACTERISTICS'";

constexpr char kConnectionCharacterSet[] = "character_set_connection";
constexpr char kConnectionCollation[] = "collation_connection";

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool IsNumber(std::string_view value) {
  if (StartsWith(value, "-")) value.remove_prefix(1);
  return !value.empty() && value.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::count(value.begin(), value.end(), '.') <= 1;
}

// Whether every server reads a literal with `value` as `value`. A backslash, or a character that is
// not ASCII, would be read by settings that the new connection may get only from the same
// statement.
bool IsPlain(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

std::string Literal(std::string_view variable, std::string_view value) {
  if (value.empty() && StartsWith(variable, "character_set_")) return "NULL";
  if (IsNumber(value)) return std::string(value);
  std::string literal = "'";
  for (const char c : value) literal.append(c == '\'' ? 2 : 1, c);
  return literal + "'";
}

// The tracker ends each statement with a semicolon. No literal can hide a semicolon: only XA
// statements have literals, and these belong to an open transaction, which is never restored.
void SplitStatements(std::string_view text, std::vector<std::string>& statements) {
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    std::string_view statement = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    statement.remove_prefix(std::min(statement.size(), statement.find_first_not_of(' ')));
    if (!statement.empty()) statements.emplace_back(statement);
  }
}

}  // namespace

SessionState::SessionState(std::string schema, std::uint8_t collation)
    : collation_(collation),
      schema_(std::move(schema)),
      characters_hide_ascii_(HidesAscii(collation)) {}

void SessionState::Connected(std::uint16_t status) {
  status_ = status;
  status_is_known_ = true;
  in_doubt_ = false;
}

bool SessionState::Learn(const OkPacket& ok, std::string_view sql, const SqlTraits& traits) {
  status_ = ok.status;
  status_is_known_ = true;
  in_doubt_ = false;
  LearnAnswers(ok, traits);
  if (traits.xa_prepares) xa_prepared_ = true;
  if (traits.xa_ends || !transaction_open()) xa_prepared_ = false;
  if (traits.uses_connection_state) has_connection_state_ = true;
  if (ok.session_changes.empty()) return true;

  std::optional<SessionChanges> changes = ParseSessionChanges(ok.session_changes);
  if (!changes.has_value()) return false;
  for (const auto& [name, value] : changes->variables) {
    if (name == "character_set_client") characters_hide_ascii_ = HidesAscii(value);
  }
  if (!traits.has_temporary_variables) LearnVariables(*changes, sql, traits);
  if (changes->schema.has_value()) schema_ = *std::move(changes->schema);
  if (changes->tables_locked.has_value()) tables_locked_ = *changes->tables_locked;
  if (changes->transaction_characteristics.has_value()) {
    transaction_characteristics_ = *std::move(changes->transaction_characteristics);
  }
  return true;
}

void SessionState::LearnAnswers(const OkPacket& ok, const SqlTraits& traits) {
  if (ok.insert_id != 0) {
    has_insert_id_ = true;
    lost_insert_id_ = false;
  }
  // A result does not tell the ids that the statements of a procedure made, nor what
  // LAST_INSERT_ID(expression) set.
  if (traits.compound || traits.reads_insert_id) has_insert_id_ = true;
}

void SessionState::LearnVariables(const SessionChanges& changes, std::string_view sql,
                                  const SqlTraits& traits) {
  bool explained = changes.schema.has_value();
  bool collation_reported = false;
  bool character_set_reported = false;
  for (const auto& [name, value] : changes.variables) {
    if (name == "last_gtid") {
      has_gtid_ = true;
      lost_gtid_ = false;
    }
    const VariableUse use = UseOf(name, DefaultVariableRules());
    if (use == VariableUse::kIgnore) continue;
    explained = true;
    collation_reported = collation_reported || name == kConnectionCollation;
    character_set_reported = character_set_reported || name == kConnectionCharacterSet;
    if (use == VariableUse::kLose || !IsPlain(value)) {
      has_connection_state_ = true;
    } else {
      variables_[name] = value;
    }
  }
  // One report stands for all statements of a block. The block may have changed other things, too.
  if (changes.state && (!explained || traits.compound)) has_connection_state_ = true;
  // A new character set resets the collation to the default one of the character set.
  if (character_set_reported && !collation_reported) variables_.erase(kConnectionCollation);
  if (character_set_reported && traits.sets_names_with_collation) {
    names_statement_ = sql;
    variables_.erase("character_set_client");
    variables_.erase(kConnectionCharacterSet);
    variables_.erase("character_set_results");
  }
}

void SessionState::StatementFailed(const SqlTraits& traits, failover::Outcome outcome) {
  StatementEnded();
  const bool undone = outcome == failover::Outcome::kNotExecuted ||  // The server did nothing.
                      outcome == failover::Outcome::kRolledBack;
  const bool is_open = (status_ & server_status::kInTransaction) != 0;
  if (!undone && (is_open ? traits.ends_transaction : autocommit_is_off())) in_doubt_ = true;
  if (!traits.compound) return;
  status_is_known_ = false;
  if (traits.uses_connection_state) has_connection_state_ = true;
}

void SessionState::RolledBack() {
  if (!status_is_known_) return;
  in_doubt_ = false;
  if (!transaction_is_certain()) return;
  transaction_characteristics_.clear();
  status_ = static_cast<std::uint16_t>(status_ & ~server_status::kInTransaction);
}

void SessionState::TransactionEnded() {
  if (transaction_open()) transaction_characteristics_.clear();
  status_ = static_cast<std::uint16_t>(status_ & ~server_status::kInTransaction);
  status_is_known_ = true;
  in_doubt_ = false;
  xa_prepared_ = false;
  tables_locked_ = false;
}

void SessionState::Reset() {
  *this = SessionState(std::move(schema_), collation_);
  status_ = server_status::kAutocommit;
}

TextRules SessionState::text_rules() const {
  // One statement of a block may have changed the character set before another one failed.
  return {(status_ & server_status::kNoBackslashEscapes) == 0,
          characters_hide_ascii_ || !status_is_known_};
}

bool SessionState::transaction_open() const {
  return (status_ & server_status::kInTransaction) != 0 || !status_is_known_ || in_doubt_ ||
         tables_locked_;
}

bool SessionState::transaction_is_certain() const {
  return (status_ & server_status::kInTransaction) != 0 && status_is_known_ && !in_doubt_ &&
         !xa_prepared_;
}

bool SessionState::autocommit_is_off() const { return (status_ & server_status::kAutocommit) == 0; }

bool SessionState::read_only_requested() const {
  return IsOn("tx_read_only") || IsOn("transaction_read_only") ||
         transaction_characteristics_.find("READ ONLY") != std::string::npos;
}

bool SessionState::IsOn(const char* variable) const {
  const auto found = variables_.find(variable);
  return found != variables_.end() && (found->second == "ON" || found->second == "1");
}

std::vector<std::string> SessionState::RestoreStatements() const {
  std::vector<std::string> statements = {kTrackSession};
  if (!names_statement_.empty()) statements.push_back(names_statement_);
  if (!variables_.empty()) statements.push_back(SetVariables());
  SplitStatements(transaction_characteristics_, statements);
  return statements;
}

// The variables are set in the order of their names. So character_set_connection, which changes
// collation_connection, comes before collation_connection.
std::string SessionState::SetVariables() const {
  std::string statement = "SET ";
  for (const auto& [name, value] : variables_) {
    if (statement.size() > 4) statement += ", ";
    statement += "SESSION " + name + "=" + Literal(name, value);
  }
  return statement;
}

std::string SessionState::LoseConnection(const SqlTraits& next) {
  std::vector<const char*> lost;
  if (!status_is_known_ || in_doubt_) {
    lost.emplace_back("a transaction that may have been open");
  }
  if (xa_prepared_ && !next.xa_ends) {
    lost.emplace_back("an XA transaction, which the server may have kept as prepared (XA RECOVER)");
  }
  if (tables_locked_) lost.emplace_back("its table locks");
  if (has_connection_state_) {
    lost.emplace_back(
        "its user variables, temporary tables, named statements, user locks or settings");
  }
  TransactionEnded();
  has_connection_state_ = false;
  lost_insert_id_ = lost_insert_id_ || has_insert_id_;
  has_insert_id_ = false;
  lost_gtid_ = lost_gtid_ || has_gtid_;
  has_gtid_ = false;
  lost_sequences_ = true;
  fresh_connection_ = true;
  return absl::StrJoin(lost, ", and ");
}

std::string SessionState::LoseAnswer(const SqlTraits& traits) {
  if (traits.reads_insert_id && lost_insert_id_) {
    lost_insert_id_ = false;
    return "the last insert id";
  }
  if (traits.reads_gtid && lost_gtid_) {
    lost_gtid_ = false;
    return "the GTID of the last write";
  }
  if (traits.reads_sequence && lost_sequences_) {
    lost_sequences_ = false;
    return "the last values of sequences";
  }
  if (traits.reads_last_result && fresh_connection_) {
    fresh_connection_ = false;
    return "what was known about the last statement";
  }
  return {};
}

bool SessionState::HasAnswer(const SqlTraits& traits) const {
  return (traits.reads_insert_id && has_insert_id_) || (traits.reads_gtid && has_gtid_) ||
         (traits.reads_sequence && !fresh_connection_) ||
         (traits.reads_last_result && !fresh_connection_);
}

std::string SessionState::ParseContext() const {
  std::string context = schema_ + '\n' + names_statement_;
  for (const char* name :
       {"sql_mode", "character_set_client", kConnectionCharacterSet, kConnectionCollation}) {
    const auto found = variables_.find(name);
    context += '\n';
    if (found != variables_.end()) context += found->second;
  }
  return context;
}

}  // namespace mysql_proxy
