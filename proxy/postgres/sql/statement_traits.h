// What the proxy must know of the text of a statement: whether the statement may be repeated, and
// what it does to the session. The judge is the grammar of PostgreSQL itself (libpg_query).
#ifndef FAILOVER_PROXY_POSTGRES_SQL_STATEMENT_TRAITS_H_
#define FAILOVER_PROXY_POSTGRES_SQL_STATEMENT_TRAITS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "failover/postgres/errors.h"

namespace postgres_proxy {

// What a session may have that no other connection can be given.
enum class Unmovable : std::uint8_t {
  kTemporary,     // temporary tables and the like
  kAdvisoryLock,  // locks that the session holds
  kListen,        // LISTEN: what was notified meanwhile is lost
  kHeldCursor,    // cursors WITH HOLD
  kSettings,      // settings that were made by a function or partly undone
  kUnjudged,      // DO, CALL, or a text that the grammar does not know
};
inline constexpr int kUnmovables = 6;

// A change that a statement makes to its session when it succeeds.
struct SessionChange {
  enum class Kind : std::uint8_t {
    kHas,           // the session has `what` from now on
    kHasNoMore,     // the session has no `what` any more
    kRemember,      // `text` makes the same change on another connection; `key` names what it sets
    kForget,        // the setting `key` is as at the beginning
    kForgetAll,     // all settings are
    kRememberName,  // as kRemember, but a ROLLBACK does not undo it: PREPARE and LOAD
    kForgetName,    // DEALLOCATE of `key`
    kForgetNames,   // DEALLOCATE ALL
    kDiscardAll,    // the session is as new
    kSavepoint,     // the statement undoes a part of a transaction
  };

  Kind kind = Kind::kHas;
  Unmovable what = Unmovable::kUnjudged;
  std::string key = {};
  std::string text = {};
};

// How a statement steers transactions.
enum class Control : std::uint8_t {
  kNone,
  kBegin,
  kCommit,    // COMMIT and END
  kRollback,  // ROLLBACK and ABORT
  kOther,     // savepoints, two-phase commit, AND CHAIN
};

struct StatementTraits {
  failover::postgres::StatementKind kind = failover::postgres::StatementKind::kSingle;
  Control control = Control::kNone;
  // Asks for a transaction that does not write.
  bool read_only_requested = false;
  // Certainly writes: a standby refuses the statement.
  bool writes = false;
  // May call a function of which nobody knows here what it leaves in the session.
  bool calls_unknown = false;
  std::vector<SessionChange> changes;
};

// How the text is to be read.
struct TextRules {
  // False: the settings of the session (standard_conforming_strings, client_encoding) give the text
  // another meaning than the grammar knows. Only the simplest statements are judged then.
  bool grammar_fits = true;
};

// The traits of each statement of `text`, in their order. None: the text is empty. A text that the
// grammar does not understand counts as one statement that may do anything.
std::vector<StatementTraits> JudgeText(std::string_view text, const TextRules& rules);

// What several statements that the server executes as one transaction are together.
failover::postgres::StatementKind KindOfAll(const std::vector<const StatementTraits*>& statements);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SQL_STATEMENT_TRAITS_H_
