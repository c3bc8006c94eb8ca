// Tells which errors of PostgreSQL mean a failover, and which statements may be retried.
//
// An error alone does not say whether its statement was executed. The router knows how far the
// statement got, and whether the statement may commit by itself. Both together become an
// absl::Status. failover::CausedByFailover is true for this Status exactly if a retry cannot
// execute the statement twice and the error means a failover:
//
//   failover::postgres::PostgresError error;
//   error.source = failover::postgres::Source::kErrorResponse;      // the message 'E'
//   error.severity = failover::postgres::SeverityOf(field_V);       // never the field S
//   error.sqlstate = field_C;
//   error.text = field_M;
//   error.routine = field_R;
//   failover::postgres::Statement statement;
//   statement.kind = failover::postgres::StatementKind::kSingle;
//   statement.in_transaction = transaction_status_before != 'I';
//   absl::Status status = failover::postgres::ToStatus(error, statement);
//   auto retry_done = buffer->WaitForFailoverEnd(context, shard, status);
//
// The decision never depends on a text that the server translates (lc_messages), but for four
// refusals that have no SQLSTATE of their own. In another language these four are errors of the
// statement, which nobody retries.
//
// The header needs no client library. All types own what they hold and refer to nothing else.
// Thread-safety: the functions may be called from any thread. Each class states its own rules.
#ifndef FAILOVER_POSTGRES_ERRORS_H_
#define FAILOVER_POSTGRES_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "failover/export.h"
#include "failover/outcome.h"

namespace failover::postgres {

// These are the same for every database (failover/outcome.h). They have names here, too.
using failover::FailoverSign;
using failover::Outcome;
using failover::OutcomeOf;
using failover::SendState;
using failover::ToString;

// Where an error comes from.
enum class Source : std::uint8_t {
  // An established connection ended, or stayed silent until a time-out, without a last word of the
  // server: end of file, reset, time-out. The default, because such an error proves nothing.
  kConnectionLost,
  // No connection came about: it was refused, the host was unreachable or had no address, the login
  // took too long, or the connection ended in the login without a message. A message in the login
  // is a kErrorResponse instead, and SendState::kNotSent belongs to it as well.
  kConnectFailed,
  // The message ErrorResponse ('E') of the protocol. The severity is kError, kFatal or kPanic.
  kErrorResponse,
  // The message NoticeResponse ('N'), if the connection ended after it without an ErrorResponse. A
  // server that ends at once, and a server that gives up waiting for its synchronous standby, say
  // their last words so. The severity is below kError. Any other notice is no error.
  kNoticeResponse,
};

// The field V of a message, which is never translated. The field S may be translated.
enum class Severity : std::uint8_t {
  // The message has no field V (PostgreSQL before 9.6), or another word in it. The error proves
  // nothing then.
  kUnknown,
  // DEBUG, LOG, INFO or NOTICE.
  kNotice,
  kWarning,
  kError,
  kFatal,
  kPanic,
};

// The severity that the field V names: "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "DEBUG",
// "INFO", "LOG". kUnknown for any other text, translated ones included. With libpq the field is
// PG_DIAG_SEVERITY_NONLOCALIZED.
FAILOVER_EXPORT Severity SeverityOf(std::string_view field_v);

// An error as the message of a server carries it, or as a client makes it when a connection fails.
//
// With libpq, a FATAL that reaches an idle connection comes to the notice receiver, and so do the
// warnings before the end of a connection. Without PQsetNoticeReceiver they are lost. The result
// that follows such a warning has no SQLSTATE: a router that has the warning passes on the warning.
struct PostgresError {
  Source source = Source::kConnectionLost;
  Severity severity = Severity::kUnknown;
  // The field C: five characters. Empty if no server made the error.
  std::string sqlstate;
  // The field M, or the text of the client.
  std::string text;
  // The field R: the function of the server that made the error. The field is never translated.
  // With libpq the field is PG_DIAG_SOURCE_FUNCTION. It tells an error that a RAISE of a user, or
  // another server behind a foreign table, gave any SQLSTATE. Without the field such an error
  // counts as one of the server. Then a user can make a shard look as if it failed over, but no
  // statement is executed twice.
  std::string routine;
};

// What a statement may do to the transaction that it runs in.
enum class StatementKind : std::uint8_t {
  // One statement that commits at its end or not at all, and acts on nothing outside its
  // transaction.
  kSingle,
  // Several statements that the server executes as one transaction: the extended protocol up to its
  // Sync, or several statements in one Query. None of them is a BEGIN, a COMMIT, a ROLLBACK or a
  // statement of kind kMayCommitInside. What comes behind the Sync is another statement: when its
  // Sync was answered (ReadyForQuery), it is committed.
  kPipeline,
  // BEGIN or START TRANSACTION, alone and outside a transaction. Whatever becomes of it has no
  // effect. The state of the transaction is given up with the connection.
  kBegin,
  // COMMIT or END of a transaction, alone. It is never held, because its transaction is lost.
  kCommit,
  // PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED. None of them is ever held. Only an
  // ErrorResponse with the severity ERROR says that it was not executed.
  kTwoPhase,
  // The statement may commit before it ends, or has effects outside its transaction: CALL, DO,
  // VACUUM, CLUSTER, CREATE and DROP of a DATABASE or TABLESPACE, CONCURRENTLY, COPY TO PROGRAM,
  // dblink, a foreign table, several statements with a COMMIT among them. A router that is not sure
  // takes this value. Such a statement is retried only if it was not sent.
  kMayCommitInside,
};

// What the router knows about the statement that failed. A router that is not sure keeps the
// defaults of `send_state` and `kind`, and sets the other fields to true: these values never allow
// too many retries.
struct Statement {
  SendState send_state = SendState::kSent;
  StatementKind kind = StatementKind::kMayCommitInside;
  // A transaction was open before the statement: the last ReadyForQuery said T or E. The earlier
  // statements of the transaction are lost with it, so no single statement of it may be held and
  // retried.
  bool in_transaction = false;
  // The client itself asked for read-only transactions: START TRANSACTION READ ONLY, or
  // default_transaction_read_only in its session, its role or its database. An error that says
  // "this transaction is read-only" is then the client's own mistake.
  bool read_only_requested = false;
  // Before the error, the router had read a part of the reply, though it passed nothing on: a row,
  // or the end of any statement (CommandComplete, EmptyQueryResponse, PortalSuspended,
  // CopyInResponse, CopyOutResponse). The answers to Parse, Bind and Describe do not count. A
  // FATAL proves nothing about such a statement.
  bool reply_begun = false;
};

// One row of the table that classifies errors.
struct Rule {
  // The rule fits only errors of this severity. An error whose severity does not go with its source
  // has the severity kUnknown.
  Severity severity = Severity::kUnknown;
  // The rule fits every SQLSTATE that begins with this, and so does a rule for a class of them.
  std::string sqlstate;
  // The rule fits only if the text of the error contains this text, in upper or lower case. An
  // empty text fits every error. A server translates its texts.
  std::string text;
  // What the error says about a statement that was sent. A statement that was not sent is always
  // kNotExecuted.
  Outcome when_sent = Outcome::kUnknown;
  FailoverSign sign = FailoverSign::kNo;
  // The sign counts only for a statement that was sent. An idle session that ended may have ended
  // long ago, or alone; a new connection tells more.
  bool sign_only_if_sent = false;
};

// Holds the table of rules and classifies errors by it.
//
// The first rule that fits decides. An error that fits no rule is kFailed if it is an ErrorResponse
// with the severity ERROR, and otherwise kUnknown. It is no sign of a failover, with one exception:
// if no connection came about (kConnectFailed), that is one, unless the text of the client names a
// trouble of the machine that wanted to connect (no local port, no descriptor, no memory, a name
// service that does not answer).
//
// An ERROR that a user's RAISE or another server made fits no rule (PostgresError::routine). It is
// kFailed and no sign of a failover.
//
// A message FATAL 57P01 is a proof only in the words of PostgreSQL itself. A router that talks to a
// pooler which writes such messages by itself adds {kFatal, "57P01", "", kUnknown}.
//
// Copyable. The const functions may be called from any thread as long as no thread calls Add.
//
//   ErrorClassifier classifier;                     // the default rules
//   classifier.Add({Severity::kError, "MTF01", "", Outcome::kNotExecuted, FailoverSign::kYes});
class FAILOVER_EXPORT ErrorClassifier {
 public:
  // Holds the default rules. src/postgres/default_rules.cc gives the reason for each of them.
  ErrorClassifier();

  // Adds a rule in front of all others, so that the new rule can overrule a default one.
  void Add(Rule rule);

  // All rules, in the order in which they are tried. The reference lives as long as the classifier,
  // and Add changes what it refers to.
  const std::vector<Rule>& rules() const { return rules_; }

  // A Status that keeps the error; PostgresErrorOf and OutcomeOf read it. The Status is marked for
  // CausedByFailover if the statement was certainly not executed, is neither a part nor the end of
  // a transaction, and the error is a sign of a failover. The mark is RefusedAt::kConnect if the
  // statement was not sent, or if the sign of the rule is kForAnyStatement. The Status is never OK.
  // Its code is kUnavailable if the statement was not executed, kAborted if the statement was
  // rolled back, and otherwise kUnknown. Its message is for people.
  absl::Status ToStatus(const PostgresError& error, const Statement& statement) const;

 private:
  std::vector<Rule> rules_;
};

// Does the same as ErrorClassifier::ToStatus, with the default rules.
FAILOVER_EXPORT absl::Status ToStatus(const PostgresError& error, const Statement& statement);

// The error that ToStatus made `status` from, without its routine; nullopt for any other Status.
// The error is a payload of the Status: whoever wraps the Status into another one must copy the
// payloads to keep it.
FAILOVER_EXPORT std::optional<PostgresError> PostgresErrorOf(const absl::Status& status);

}  // namespace failover::postgres

#endif  // FAILOVER_POSTGRES_ERRORS_H_
