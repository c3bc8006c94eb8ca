#include "postgres/default_rules.h"

namespace failover::postgres::internal {
namespace {

constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kError = Severity::kError;
constexpr Severity kFatal = Severity::kFatal;

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kRolledBack = Outcome::kRolledBack;
constexpr Outcome kUnknown = Outcome::kUnknown;

constexpr FailoverSign kNo = FailoverSign::kNo;
constexpr FailoverSign kYes = FailoverSign::kYes;
constexpr FailoverSign kUnlessAsked = FailoverSign::kUnlessReadOnlyRequested;
constexpr FailoverSign kForAny = FailoverSign::kForAnyStatement;

constexpr bool kOnlyIfSent = true;

}  // namespace

// If a SQLSTATE has several rules, the rules with more of it, or with a text, come first.
const std::vector<Rule>& DefaultRules() {
  static const auto* const rules = new std::vector<Rule>{
      // --- A standby refuses. The connection stays, and the transaction of the statement is rolled
      // back as a whole. --------------------------------------------------------------------------
      // read_only_sql_transaction: "cannot execute ... in a read-only transaction" and "cannot
      // execute ... during recovery", in any language.
      {kError, "25006", "", kNotExecuted, kUnlessAsked},
      // BEGIN READ WRITE and SET TRANSACTION READ WRITE. feature_not_supported means many things,
      // so the text decides.
      {kError, "0A000", "cannot set transaction read-write mode during recovery", kNotExecuted,
       kYes},
      // The first statement of a serializable transaction.
      {kError, "0A000", "cannot use serializable mode in a hot standby", kNotExecuted, kYes},
      // Functions that control the write-ahead log. object_not_in_prerequisite_state means many
      // things, too.
      {kError, "55000", "recovery is in progress", kNotExecuted, kYes},
      // lo_create and others. internal_error is whatever nobody expected.
      {kError, "XX000", "cannot assign OIDs during recovery", kNotExecuted, kYes},

      // --- The server ends, or ends the session. -------------------------------------------------
      // admin_shutdown as FATAL is a proof: a backend acts on an order to end only where nothing is
      // being committed, and says FATAL then. From the record of the commit until the answer to the
      // statement is written, the order waits (RESUME_INTERRUPTS at the end of CommitTransaction in
      // PostgreSQL's xact.c; ProcessInterrupts in postgres.c). The end of one session by
      // pg_terminate_backend has the same text, in every language.
      {kFatal, "57P01", "", kNotExecuted, kForAny, kOnlyIfSent},
      // admin_shutdown as WARNING is no proof at all. The backend stopped waiting for a synchronous
      // standby ("has already committed locally", syncrep.c), or was killed at any moment by an
      // immediate shutdown (quickdie in postgres.c).
      {kWarning, "57P01", "", kUnknown, kNo},
      // crash_shutdown: the crash of another session kills this one at any moment.
      {kWarning, "57P02", "", kUnknown, kNo},
      // cannot_connect_now: the server starts, ends or recovers. The server says this in the login
      // only. A pooler may say this of a statement that it had sent.
      {kFatal, "57P03", "", kUnknown, kForAny},
      // As ERROR, none of these comes from PostgreSQL itself. Poolers say them about their servers.
      {kError, "57P", "", kUnknown, kNo},

      // --- A connection is lost, in the words of a pooler or of a foreign server. 08007 is
      // transaction_resolution_unknown. -----------------------------------------------------------
      {kError, "08", "", kUnknown, kNo},

      // --- Executed, and undone. -----------------------------------------------------------------
      // statement_completion_unknown has the class of what was rolled back, and says the contrary.
      {kError, "40003", "", kUnknown, kNo},
      // serialization_failure, deadlock_detected and the rest of their class. A standby ends
      // queries that are in the way of its recovery so, too.
      {kError, "40", "", kRolledBack, kNo},
  };
  return *rules;
}

}  // namespace failover::postgres::internal
