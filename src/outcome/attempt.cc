#include "failover/attempt.h"

#include <optional>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/outcome.h"

namespace failover {
namespace {

Attempt RefusedAttempt(RefusedAt at) {
  return at == RefusedAt::kConnect ? Attempt::kRefusedAtConnect : Attempt::kRefused;
}

// Whether the error may stand for an answer that was lost on its way.
bool AnswerMayBeLost(const absl::Status& status) {
  if (ReasonOf(status).has_value()) return false;
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

Attempt AttemptOf(Outcome outcome, std::optional<RefusedAt> refused) {
  switch (outcome) {
    case Outcome::kNotExecuted:
      return refused.has_value() ? RefusedAttempt(*refused) : Attempt::kFailed;
    case Outcome::kRolledBack:
    case Outcome::kFailed:
      return Attempt::kFailed;
    case Outcome::kUnknown:
      return Attempt::kUnknown;
  }
  return Attempt::kUnknown;
}

Attempt AttemptOf(const absl::Status& status) {
  if (status.ok()) return Attempt::kSucceeded;
  const std::optional<Outcome> outcome = OutcomeOf(status);
  if (outcome == Outcome::kUnknown) return Attempt::kUnknown;
  if (CausedByFailover(status)) return RefusedAttempt(RefusedAtOf(status));
  if (outcome.has_value()) return AttemptOf(*outcome);
  return AnswerMayBeLost(status) ? Attempt::kUnknown : Attempt::kFailed;
}

}  // namespace failover
