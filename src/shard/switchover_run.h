// One planned switchover of a shard: its terms, its stage, and who waits until it is quiet.
#ifndef FAILOVER_SRC_SHARD_SWITCHOVER_RUN_H_
#define FAILOVER_SRC_SHARD_SWITCHOVER_RUN_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "base/waiter_list.h"
#include "failover/health_check.h"
#include "failover/internal/instant.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/internal/shard_gate.h"
#include "failover/stats.h"
#include "failover/switchover_options.h"

namespace failover::internal {

struct SwitchoverTerms {
  std::chrono::nanoseconds transaction_grace;
  std::chrono::nanoseconds hold_timeout;
  OnOverdue on_overdue = OnOverdue::kAbort;
  SwitchoverRelease release = SwitchoverRelease::kOnNewPrimary;
};

// Plain data: the mutex of the shard guards the object. The shard shares the object with the
// Switchover that stands for it, which reads how it ended.
class SwitchoverRun {
 public:
  // `window` is that of who joins the switchover. The options may have changed since the caller
  // chose the terms, so hold_timeout is cut to the window.
  SwitchoverRun(const SwitchoverTerms& terms, Instant now, std::chrono::nanoseconds window,
                std::optional<TabletAlias> old_primary)
      : terms_{terms.transaction_grace, std::min(terms.hold_timeout, window), terms.on_overdue,
               terms.release},
        window_(window),
        grace_ends_(After(now, terms.transaction_grace)),
        old_primary_(std::move(old_primary)) {}

  const SwitchoverTerms& terms() const { return terms_; }
  std::chrono::nanoseconds window() const { return window_; }
  SwitchoverStage stage() const { return stage_; }
  std::optional<SwitchoverEnd> end() const { return end_; }
  bool HoldsAll() const { return stage_ == SwitchoverStage::kAllHeld; }
  bool quiet() const { return quiet_; }

  // When the transactions that are left are overdue; kNever once everything is held.
  Instant grace_ends() const {
    return stage_ == SwitchoverStage::kTransactionsEnd ? grace_ends_ : kNever;
  }
  // Whether a server is another one than the primary of before. As long as nobody knows that
  // primary, no server is another one.
  bool IsAnother(const TabletAlias* server) const {
    return server != nullptr && old_primary_.has_value() && *server != *old_primary_;
  }
  // Takes in whom a report makes the primary. The first server that is believed after a beginning
  // without a primary is the primary of before: its report may tell what was so all along, and
  // nothing may be released to it.
  void NoteBelieved(const TabletAlias* server) noexcept {
    if (server == nullptr || old_primary_.has_value()) return;
    try {
      old_primary_ = *server;
    } catch (const std::bad_alloc&) {
      // The primary of before stays unknown, so no report ends the switchover.
    }
  }
  // Whether a report that says so ends the switchover. `another` says that another server is
  // believed than before.
  bool EndsBy(StopReason reason, bool another) const {
    if (reason == StopReason::kReshardingComplete) return true;
    if (terms_.release == SwitchoverRelease::kOnCommit) return false;
    return another || reason == StopReason::kMoveTablesSwitchedTraffic;
  }

  // The bits of the gate, but for what the state of the shard adds.
  std::uint32_t GateBits() const {
    if (!HoldsAll()) {
      return ShardGate::kStopsFailures | ShardGate::kStopsTransactions |
             ShardGate::kAwaitsTransactions;
    }
    return ShardGate::kStopsFailures | ShardGate::kStopsRequests | ShardGate::kStopsTransactions |
           (quiet_ ? 0u : ShardGate::kAwaitsTransactions | ShardGate::kAwaitsStatements);
  }

  // Everything is held from now on. `overdue` says that transactions are left that nobody waits
  // for.
  void HoldAll(bool overdue) {
    stage_ = SwitchoverStage::kAllHeld;
    overdue_ = overdue;
  }
  // Takes in what is in flight, while everything is held. Returns whether that changed anything.
  bool NoteInFlight(WorkInFlight left) {
    // Nothing enters while everything is held, so what was settled once stays settled. A statement
    // that the gate stops counts for a moment, and proves nothing.
    const bool settled = settled_ || (left.statements == 0 && (overdue_ || left.transactions == 0));
    const bool quiet = left == WorkInFlight{};
    if (settled == settled_ && quiet == quiet_) return false;
    settled_ = settled;
    quiet_ = quiet;
    return true;
  }
  // Work has passed that the switchover should have held.
  void ForgetQuiet() { settled_ = quiet_ = false; }
  // Whether a wait for quiet is over: nothing is left but what is overdue. Stays so, unless the
  // quiet is forgotten.
  bool settled() const { return settled_; }

  void End(SwitchoverEnd end) {
    stage_ = SwitchoverStage::kEnded;
    end_ = end;
  }

  WaiterList& waiters() { return waiters_; }
  // When the first wait for quiet is over by its own timeout.
  Instant first_deadline() const {
    Instant first = kNever;
    for (const Waiter* waiter = waiters_.front(); waiter != nullptr; waiter = waiter->next) {
      first = std::min(first, waiter->deadline);
    }
    return first;
  }

 private:
  const SwitchoverTerms terms_;
  const std::chrono::nanoseconds window_;
  const Instant grace_ends_;
  // nullopt if no primary was believed yet.
  std::optional<TabletAlias> old_primary_;
  SwitchoverStage stage_ = SwitchoverStage::kTransactionsEnd;
  bool overdue_ = false;
  bool settled_ = false;
  bool quiet_ = false;
  std::optional<SwitchoverEnd> end_;
  // Few threads wait for one switchover. All are QuietWaiters.
  WaiterList waiters_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SWITCHOVER_RUN_H_
