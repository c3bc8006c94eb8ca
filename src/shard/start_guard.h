// Decides whether a shard begins to hold requests.
#ifndef FAILOVER_SRC_SHARD_START_GUARD_H_
#define FAILOVER_SRC_SHARD_START_GUARD_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "failover/internal/instant.h"
#include "failover/stats.h"
#include "shard/hold.h"
#include "shard/hold_budget.h"

namespace failover::internal {

// Plain data: the mutex of the shard guards the object.
class StartGuard {
 public:
  struct Sign {
    HoldCause cause = HoldCause::kFailedRequest;
    // The request that is the sign can come back.
    bool may_probe = false;
    // A report that is newer than the last end and the last reparent says "down".
    bool reported_down = false;
    Instant last_reparent = kLongAgo;
  };

  enum class Verdict : std::uint8_t { kStart, kStartOnSuspicion, kPass };
  struct Judgement {
    Verdict verdict = Verdict::kStart;
    // Has a meaning if the verdict is kPass. `elapsed` is the time since what the reason names.
    SkippedReason reason = SkippedReason::kLastFailoverTooRecent;
    std::chrono::nanoseconds elapsed{};
  };
  Judgement Judge(const HoldBudget::Terms& terms, Instant now, const Sign& sign) const;

  // For how long the budget allows to hold.
  std::chrono::nanoseconds BudgetLeft(const HoldBudget::Terms& terms, Instant now) const {
    return budget_.Left(terms, now);
  }

  const HoldBudget& budget() const { return budget_; }
  // As HoldBudget::ChangeTerms.
  void ChangeTerms(const HoldBudget::Terms& before, const HoldBudget::Terms& after, Instant from) {
    budget_.ChangeTerms(before, after, from);
  }

  void OnStart() { latched_ = refused_in_vain_ = false; }
  // A hold has ended.
  void OnEnd(const HoldBudget::Terms& terms, const Hold& hold, StopReason reason, Instant now);
  // Rule E9: after the end of the hold, which follows, only evidence begins another hold.
  void LatchAtEnd(Instant now) {
    latched_ = true;
    latched_at_ = now;
  }
  bool latched() const { return latched_; }
  // A retry was refused (E8), and no hold began.
  void OnRefusedInVain() { refused_in_vain_ = true; }
  // Whether the next retry is refused, too, as far as is known. Who joins such a drain only comes
  // back to join again, and the drain would never end.
  bool DrainsInVain() const { return latched_ || refused_in_vain_; }

  void OnReport(Instant now) { last_report_ = now; }
  // The shard takes writes: a serving report, or a retry that proves it.
  void OnHealth() {
    latched_ = refused_in_vain_ = false;
    held_since_health_ = {};
  }
  // For how long the shard was held since it was last seen to take writes.
  std::chrono::nanoseconds held_since_health() const { return held_since_health_; }
  Instant last_report() const { return last_report_; }

 private:
  HoldBudget budget_;
  std::chrono::nanoseconds held_since_health_{};
  Instant last_end_ = kLongAgo;  // of a failover, not of a primary that returned
  Instant last_report_ = kLongAgo;
  Instant latched_at_ = kLongAgo;
  bool latched_ = false;
  bool refused_in_vain_ = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_START_GUARD_H_
