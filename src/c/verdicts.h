// What the verdicts of all databases have in common.
#ifndef FAILOVER_SRC_C_VERDICTS_H_
#define FAILOVER_SRC_C_VERDICTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "c/buffer.h"
#include "c/error.h"
#include "failover/c/verdict.h"
#include "failover/errors.h"
#include "failover/outcome.h"

namespace failover::c {

// FO_OK if `verdict` may be written to. Then it says what is said after an error.
inline fo_result BeginVerdict(fo_verdict* verdict) noexcept {
  if (verdict == nullptr) return Invalid("verdict", "is NULL");
  if (const fo_result size = CheckSize(verdict->struct_size, sizeof(*verdict), "verdict");
      size != FO_OK) {
    return size;
  }
  *verdict = {sizeof(*verdict), FO_OUTCOME_UNKNOWN, FO_ATTEMPT_UNKNOWN, 0, 0};
  return FO_OK;
}

inline fo_result SetSendState(std::int32_t from, SendState* send_state) noexcept {
  switch (from) {
    case FO_SENT:
      *send_state = SendState::kSent;
      return FO_OK;
    case FO_NOT_SENT:
      *send_state = SendState::kNotSent;
      return FO_OK;
    case FO_REPLY_STARTED:
      *send_state = SendState::kReplyStarted;
      return FO_OK;
    default:
      return Invalid("statement.send_state", "is no FO_SENT, FO_NOT_SENT or FO_REPLY_STARTED");
  }
}

inline std::int32_t NumberOf(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kNotExecuted:
      return FO_OUTCOME_NOT_EXECUTED;
    case Outcome::kRolledBack:
      return FO_OUTCOME_ROLLED_BACK;
    case Outcome::kFailed:
      return FO_OUTCOME_FAILED;
    case Outcome::kUnknown:
      return FO_OUTCOME_UNKNOWN;
  }
  return FO_OUTCOME_UNKNOWN;
}

// What the error says of the statement. `alone` is a statement that may be repeated: the error is
// noted if a failover would have caused it for `alone`. Its send state is that of `statement`.
template <typename Error, typename Statement>
fo_result Judge(absl::Status (*to_status)(const Error&, const Statement&), const Error& error,
                const Statement& statement, Statement alone, fo_verdict* verdict) {
  const bool sent = statement.send_state != SendState::kNotSent;
  alone.send_state = sent ? SendState::kSent : SendState::kNotSent;
  alone.read_only_requested = statement.read_only_requested;
  const absl::Status status = to_status(error, statement);
  const bool wait = CausedByFailover(status);
  verdict->note = !wait && CausedByFailover(to_status(error, alone)) ? 1 : 0;
  verdict->wait = wait ? 1 : 0;
  verdict->outcome = NumberOf(OutcomeOf(status).value_or(Outcome::kUnknown));
  verdict->attempt = static_cast<fo_attempt>(AttemptOf(status));
  return FO_OK;
}

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_VERDICTS_H_
