#include "outcome/judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "failover/errors.h"

namespace failover::internal {
namespace {

Outcome OutcomeFor(const Verdict& verdict, const StatementState& statement) {
  if (statement.send_state == SendState::kNotSent) return Outcome::kNotExecuted;
  // The server refused one part of the statement. Another part may have been executed: the part
  // that the client has a reply to, or an earlier statement of the same packet.
  const bool partly = statement.send_state == SendState::kReplyStarted || statement.compound;
  if (partly && verdict.when_sent == Outcome::kNotExecuted) return Outcome::kUnknown;
  return verdict.when_sent;
}

bool MeansFailover(const Verdict& verdict, const StatementState& statement) {
  switch (verdict.sign) {
    case FailoverSign::kNo:
      return false;
    case FailoverSign::kYes:
    case FailoverSign::kForAnyStatement:
      return true;
    case FailoverSign::kUnlessReadOnlyRequested:
      return !statement.read_only_requested;
  }
  return false;
}

// Whether the refusal shows that the statement is a write.
RefusedAt RefusedAtFor(const Verdict& verdict, const StatementState& statement) {
  const bool any_statement =
      statement.send_state == SendState::kNotSent || verdict.sign == FailoverSign::kForAnyStatement;
  return any_statement ? RefusedAt::kConnect : RefusedAt::kStatement;
}

// The codes kInternal and kFailedPrecondition are avoided: failover::CausedByFailover would look at
// the text of a Status with one of them.
absl::StatusCode CodeOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotExecuted:
      return absl::StatusCode::kUnavailable;
    case Outcome::kRolledBack:
      return absl::StatusCode::kAborted;
    case Outcome::kFailed:
    case Outcome::kUnknown:
      return absl::StatusCode::kUnknown;
  }
  return absl::StatusCode::kUnknown;
}

}  // namespace

absl::Status Judge(const DatabaseError& error, const std::string& message, const Verdict& verdict,
                   const StatementState& statement) {
  const Outcome outcome = OutcomeFor(verdict, statement);
  absl::Status status(CodeOf(outcome), message);
  KeepError(status, outcome, error);
  if (outcome == Outcome::kNotExecuted && !statement.in_transaction &&
      MeansFailover(verdict, statement)) {
    return MarkCausedByFailover(std::move(status), RefusedAtFor(verdict, statement));
  }
  return status;
}

bool ContainsIgnoreCase(std::string_view text, std::string_view part) {
  const auto same_letter = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
           absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  return part.empty() ||
         std::search(text.begin(), text.end(), part.begin(), part.end(), same_letter) != text.end();
}

}  // namespace failover::internal
