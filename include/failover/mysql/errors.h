// Tells which errors of MySQL and MariaDB mean a failover, and which statements may be retried.
//
// An error alone does not say whether its statement was executed. The router knows how far the
// statement got. Both together become an absl::Status. failover::CausedByFailover is true for this
// Status exactly if a retry cannot execute the statement twice and the error means a failover:
//
//   failover::mysql::StatementState state;
//   state.send_state = failover::mysql::SendState::kSent;
//   state.in_transaction = (server_status_before & SERVER_STATUS_IN_TRANS) != 0;
//   absl::Status status = failover::mysql::ToStatus(
//       {mysql_errno(connection), mysql_sqlstate(connection), mysql_error(connection)}, state);
//   auto retry_done = buffer->WaitForFailoverEnd(context, shard, status);
//
// The header needs no client library. All types own what they hold and refer to nothing else.
// Thread-safety: the functions may be called from any thread. Each class states its own rules.
#ifndef FAILOVER_MYSQL_ERRORS_H_
#define FAILOVER_MYSQL_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/export.h"
#include "failover/outcome.h"

namespace failover::mysql {

// These are the same for every database (failover/outcome.h). They have names here, too.
using failover::FailoverSign;
using failover::Outcome;
using failover::OutcomeOf;
using failover::SendState;
using failover::StatementState;
using failover::ToString;

// An error as the error packet of a server carries it, or as a client library reports it.
struct MysqlError {
  // The error number. 0 means that no number is known, for instance because the router itself read
  // an end of file from the connection.
  std::uint32_t number = 0;
  // Five characters, or empty. 45000 means that a SIGNAL of a user made the error. Every other
  // SQLSTATE is only kept for the client; the rules look at the number and at the text.
  std::string sqlstate;
  std::string text;
};

// One row of the table that classifies errors.
struct Rule {
  std::uint32_t number = 0;
  // The rule fits only if the text of the error contains this text, in upper or lower case. An
  // empty text fits every error.
  std::string text;
  // What the error says about a statement that was sent. A statement that was not sent is always
  // kNotExecuted.
  Outcome when_sent = Outcome::kUnknown;
  FailoverSign sign = FailoverSign::kNo;
  // If set, the rule fits only if the function returns true as well. The function must be pure: it
  // is called from any thread that classifies an error.
  bool (*fits)(const MysqlError& error) = nullptr;
};

// Holds the table of rules and classifies errors by it.
//
// The first rule that fits decides. An error that fits no rule is no sign of a failover. Its
// outcome is kFailed if the error came from the server. Its outcome is kUnknown if a client library
// made the error: numbers 2000 to 2999 and 5000 to 5999, or no number.
//
// An error with the SQLSTATE 45000 fits no rule, whatever its number and its text are: a SIGNAL in
// a procedure or a trigger of a user made it. It is no sign of a failover, and its outcome is
// kFailed.
//
// Copyable. The const functions may be called from any thread as long as no thread calls Add.
//
//   ErrorClassifier classifier;                     // the default rules
//   classifier.Add({1105, "is draining", Outcome::kNotExecuted, FailoverSign::kYes});
class FAILOVER_EXPORT ErrorClassifier {
 public:
  // Holds the default rules. src/mysql/default_rules.cc gives the reason for each of them.
  ErrorClassifier();

  // Adds a rule in front of all others, so that the new rule can overrule a default one.
  void Add(Rule rule);

  // All rules, in the order in which they are tried. The reference lives as long as the classifier,
  // and Add changes what it refers to.
  const std::vector<Rule>& rules() const { return rules_; }

  // A Status that keeps the error; MysqlErrorOf and OutcomeOf read it. The Status is marked for
  // CausedByFailover if the statement was certainly not executed, is not part of a transaction, and
  // the error is a sign of a failover. The mark is RefusedAt::kConnect if the statement was not
  // sent, or if the sign of the rule is kForAnyStatement. The Status is never OK. Its code is
  // kUnavailable if the statement was not executed, kAborted if the statement was rolled back, and
  // otherwise kUnknown. Its message is for people.
  absl::Status ToStatus(const MysqlError& error, const StatementState& statement) const;

 private:
  std::vector<Rule> rules_;
};

// Does the same as ErrorClassifier::ToStatus, with the default rules.
FAILOVER_EXPORT absl::Status ToStatus(const MysqlError& error, const StatementState& statement);

// The error that ToStatus made `status` from; nullopt for any other Status. The error is a payload
// of the Status: whoever wraps the Status into another one must copy the payloads to keep it.
FAILOVER_EXPORT std::optional<MysqlError> MysqlErrorOf(const absl::Status& status);

}  // namespace failover::mysql

#endif  // FAILOVER_MYSQL_ERRORS_H_
