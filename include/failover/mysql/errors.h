// Tells which errors of MySQL and MariaDB mean a failover, and which statements may be retried.
//
// An error alone does not say whether its statement was executed; the router knows how far the
// statement got. Both together become an absl::Status, for which failover::CausedByFailover holds
// exactly when a retry cannot execute the statement twice and the error means a failover:
//
//   failover::mysql::StatementState state;
//   state.send_state = failover::mysql::SendState::kSent;
//   state.in_transaction = (server_status_before & SERVER_STATUS_IN_TRANS) != 0;
//   absl::Status status = failover::mysql::ToStatus(
//       {mysql_errno(connection), mysql_sqlstate(connection), mysql_error(connection)}, state);
//   auto retry_done = buffer->WaitForFailoverEnd(context, shard, status);
//
// Needs no client library. Everything here keeps what it is given; nothing is referred to.
// Thread-safety: the functions may be called from anywhere; a class as its comment says.
#ifndef FAILOVER_MYSQL_ERRORS_H_
#define FAILOVER_MYSQL_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/export.h"

namespace failover::mysql {

// An error as a server's error packet carries it or a client library reports it.
struct MysqlError {
  // 0: none is known, for instance an end of file on a connection that you read yourself.
  std::uint32_t number = 0;
  // Five characters, or empty. Kept for the client; the number and the text decide.
  std::string sqlstate;
  std::string text;
};

// How far a statement got.
enum class SendState : std::uint8_t {
  // Certainly no byte of it reached the server: there was no connection, the handshake failed, or
  // the first write failed without having written anything.
  kNotSent,
  // Some of it, or all of it, was sent; the error is the first that was heard of it.
  kSent,
  // A part of the reply was passed on to the client already, be it rows or the result of an
  // earlier statement of the same packet.
  kReplyStarted,
};

// What the router knows about the statement that failed. When in doubt, keep the defaults of the
// first field and set the others to true: that never retries too much.
struct StatementState {
  SendState send_state = SendState::kSent;
  // A transaction was open before the statement, or autocommit is off. Its earlier statements are
  // lost with it, so no single statement of it may be held and retried.
  bool in_transaction = false;
  // The client itself asked for read-only transactions (START TRANSACTION READ ONLY, SET
  // TRANSACTION READ ONLY, transaction_read_only): error 1792 is then its own mistake.
  bool read_only_requested = false;
  // One of several statements may have been executed before another was refused: CALL, BEGIN NOT
  // ATOMIC, several statements in one packet.
  bool compound = false;
};

// Whether the statement was executed.
enum class Outcome : std::uint8_t {
  // Certainly not. A retry cannot execute it twice (but see StatementState::in_transaction).
  kNotExecuted,
  // It was, and was rolled back together with its whole transaction, which the client may repeat.
  kRolledBack,
  // The server answered that the statement failed: an error of its own, such as a duplicate key.
  kFailed,
  // Nobody knows. The client must be told so; a retry may execute the statement twice.
  kUnknown,
};

// "NotExecuted", "RolledBack", ...
FAILOVER_EXPORT const char* ToString(Outcome outcome);

// Whether an error is a sign of a failover.
enum class FailoverSign : std::uint8_t {
  kNo,
  kYes,
  // Unless StatementState::read_only_requested.
  kUnlessReadOnlyRequested,
};

// One row of the table that classifies errors.
struct Rule {
  std::uint32_t number = 0;
  // The row holds only if the error's text contains this, in upper or lower case. Empty: any text.
  std::string text;
  // What the error says about a statement that was sent. One that was not sent is kNotExecuted.
  Outcome when_sent = Outcome::kUnknown;
  FailoverSign sign = FailoverSign::kNo;
};

// The table of the rules and what becomes of an error by it.
//
// The first rule that fits decides. An error that fits none is no failover; it is kFailed if it
// came from the server and kUnknown if a client library made it (numbers 2000 to 2999 and 5000 to
// 5999, or none).
//
// Copyable. The const functions may be called from any thread as long as none calls Add.
//
//   ErrorClassifier classifier;                     // the default rules
//   classifier.Add({1105, "is draining", Outcome::kNotExecuted, FailoverSign::kYes});
class FAILOVER_EXPORT ErrorClassifier {
 public:
  // With the default rules (src/mysql/default_rules.cc; the reasons stand beside them).
  ErrorClassifier();

  // Adds a rule before all others: it can also overrule a default one.
  void Add(Rule rule);

  // All rules, in the order in which they are tried.
  const std::vector<Rule>& rules() const { return rules_; }

  // The error as a Status that keeps it (MysqlErrorOf, OutcomeOf), marked for CausedByFailover if
  // the statement was certainly not executed, is not part of a transaction, and the error is a
  // sign of a failover. Never OK. Its code is kUnavailable if the statement was not executed,
  // kAborted if it was rolled back, and otherwise kUnknown; its message is for people.
  absl::Status ToStatus(const MysqlError& error, const StatementState& statement) const;

 private:
  std::vector<Rule> rules_;
};

// ErrorClassifier::ToStatus by the default rules.
FAILOVER_EXPORT absl::Status ToStatus(const MysqlError& error, const StatementState& statement);

// The error that a Status of ToStatus was made from; nullopt for any other Status. It is a payload
// of the Status: whoever wraps one into a Status of their own must copy the payloads to keep it.
FAILOVER_EXPORT std::optional<MysqlError> MysqlErrorOf(const absl::Status& status);

// Whether the statement was executed, from the same payload. It tells more than CausedByFailover:
// kNotExecuted without a failover (a connection that was found dead before the statement was sent,
// a limit of the server) may be retried at once on another connection, outside a transaction.
FAILOVER_EXPORT std::optional<Outcome> OutcomeOf(const absl::Status& status);

}  // namespace failover::mysql

#endif  // FAILOVER_MYSQL_ERRORS_H_
