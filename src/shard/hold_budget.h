// How long a shard may hold requests, over all failovers.
#ifndef FAILOVER_SRC_SHARD_HOLD_BUDGET_H_
#define FAILOVER_SRC_SHARD_HOLD_BUDGET_H_

#include <algorithm>
#include <chrono>

#include "failover/internal/instant.h"

namespace failover::internal {

// The budget is full at first. A shard that holds requests spends it. A shard that does not gets
// back `full` in the time `refill_time`, evenly. So a primary that fails again and again costs a
// bounded share of the time, and a failover is held although the last one was a moment ago.
//
// Plain data: the mutex of the shard guards the object.
class HoldBudget {
 public:
  struct Terms {
    std::chrono::nanoseconds full;         // max_failover_duration
    std::chrono::nanoseconds refill_time;  // min_time_between_failovers
  };

  // With less than this left, no failover is held: a moment of holding would help nobody.
  static constexpr std::chrono::nanoseconds kLeast = std::chrono::seconds(1);

  // What is left of a budget from which nothing is spent at `now`.
  std::chrono::nanoseconds Left(const Terms& terms, Instant now) const {
    const std::chrono::nanoseconds missing = spent_ - Refilled(terms, now);
    return terms.full - std::max(missing, std::chrono::nanoseconds::zero());
  }

  // Since when what is missing comes back, and what was left of the budget then.
  Instant refilled_from() const { return spent_until_; }
  std::chrono::nanoseconds LeftThen(const Terms& terms) const { return terms.full - spent_; }

  // The terms change at `from`, or changed in a hold that began then. What is missing stays
  // missing, but never more than a full budget, and comes back by the new terms. What a smaller
  // budget cannot lack is missing from the next larger one, so that no change hands out budget.
  void ChangeTerms(const Terms& before, const Terms& after, Instant from) {
    if (before.full == after.full && before.refill_time == after.refill_time) return;
    SetMissing(before, from, std::chrono::nanoseconds::zero());
    spent_until_ = from;
    const std::chrono::nanoseconds missing = spent_ + owed_;
    spent_ = std::min(missing, after.full);
    owed_ = missing - spent_;
  }

  // A hold that took from `from` to `to` has ended.
  void Spend(const Terms& terms, Instant from, Instant to) {
    SetMissing(terms, from, to - from);
    spent_until_ = to;
  }
  // A hold that spends nothing has ended. Nothing comes back while a shard holds.
  void Pause(const Terms& terms, Instant from, Instant to) {
    SetMissing(terms, from, std::chrono::nanoseconds::zero());
    spent_until_ = to;
  }

 private:
  // From now on so much is missing as at `at`, and `more`. A budget that became smaller in a hold
  // cannot lack all that the hold took.
  void SetMissing(const Terms& terms, Instant at, std::chrono::nanoseconds more) {
    const std::chrono::nanoseconds missing = terms.full - Left(terms, at) + more;
    if (at >= After(spent_until_, terms.refill_time)) owed_ = {};
    spent_ = std::min(missing, terms.full);
    owed_ += missing - spent_;
  }

  std::chrono::nanoseconds Refilled(const Terms& terms, Instant now) const {
    if (spent_ == std::chrono::nanoseconds::zero()) return std::chrono::nanoseconds::zero();
    const double share = std::chrono::duration<double>(now - spent_until_) /
                         std::chrono::duration<double>(terms.refill_time);
    if (share >= 1.0) return spent_;
    return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(
        share * static_cast<double>(terms.full.count())));
  }

  // What was missing from a full budget at spent_until_. Never more than a full budget.
  std::chrono::nanoseconds spent_{};
  // What was missing beyond that. After a whole refill_time without a hold it is forgotten.
  std::chrono::nanoseconds owed_{};
  Instant spent_until_{};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_HOLD_BUDGET_H_
