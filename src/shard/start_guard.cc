#include "shard/start_guard.h"

#include <algorithm>

namespace failover::internal {

StartGuard::Judgement StartGuard::Judge(const HoldBudget::Terms& terms, Instant now,
                                        const Sign& sign) const {
  if (sign.cause == HoldCause::kOperator) return {};
  const auto pass = [](SkippedReason reason, std::chrono::nanoseconds elapsed) {
    return Judgement{Verdict::kPass, reason, elapsed};
  };
  if (latched_) {
    // The silence counts from the latch on: without a feed, too, the clients are left alone first.
    const Instant silent_since = std::max(last_report_, latched_at_);
    const bool too_early = now < After(silent_since, terms.refill_time);
    if (sign.cause != HoldCause::kFailedRequest || too_early) {
      return pass(SkippedReason::kLastFailoverTooRecent, now - last_end_);
    }
  }
  if (budget_.Left(terms, now) < HoldBudget::kLeast) {
    return pass(SkippedReason::kBudgetUsedUp, now - std::max(last_end_, Instant()));
  }
  if (sign.cause == HoldCause::kPrimaryDown || sign.reported_down) return {};
  if (sign.cause == HoldCause::kRefusedRetry) return {Verdict::kStartOnSuspicion};
  // The second guard matters if the end of a failover is reported before its first error. No
  // further report would end the buffering that this error began, so requests would be held until
  // max_failover_duration.
  const bool after_end = now < After(last_end_, terms.refill_time);
  const bool after_reparent = now < After(sign.last_reparent, terms.refill_time);
  if (!after_end && !after_reparent) return {};
  if (sign.may_probe) return {Verdict::kStartOnSuspicion};
  if (after_end) return pass(SkippedReason::kLastFailoverTooRecent, now - last_end_);
  return pass(SkippedReason::kLastReparentTooRecent, now - sign.last_reparent);
}

void StartGuard::OnEnd(const HoldBudget::Terms& terms, const Hold& hold, StopReason reason,
                       Instant now) {
  if (hold.IsOperators()) {
    budget_.Pause(terms, hold.began(), now);
  } else {
    budget_.Spend(terms, hold.began(), now);
    held_since_health_ += now - hold.began();
  }
  // Each end but that of the time shows that the shard takes writes. The time of this hold counts
  // no more then, as little as that of the holds before.
  if (reason != StopReason::kMaxDurationExceeded || latched_) held_since_health_ = {};
  switch (reason) {
    case StopReason::kPrimaryServingAgain:
    case StopReason::kRetrySucceeded:
      return;
    case StopReason::kNewPrimarySeen:
    case StopReason::kMaxDurationExceeded:
    case StopReason::kShutdown:
    case StopReason::kReshardingComplete:
    case StopReason::kMoveTablesSwitchedTraffic:
    case StopReason::kManual:
      last_end_ = now;
  }
}

}  // namespace failover::internal
