// What is left to be done after a shard decided and released its mutex.
#ifndef FAILOVER_SRC_SHARD_EFFECTS_H_
#define FAILOVER_SRC_SHARD_EFFECTS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"
#include "failover/switchover_options.h"
#include "shard/hold.h"

namespace failover::internal {

// The facts of the log lines. failover_log.h turns them into text.
struct FailoverStarted {
  bool dry_run = false;
  HoldCause cause = HoldCause::kFailedRequest;
  bool on_suspicion = false;
};

struct StartSkipped {
  bool dry_run = false;
  SkippedReason guard = SkippedReason::kLastFailoverTooRecent;
  std::chrono::nanoseconds elapsed{};
  // The last failover outlasted max_failover_duration, and no evidence came since.
  bool outlasted = false;
};

struct FailoverStopped {
  bool dry_run = false;
  StopReason reason = StopReason::kNewPrimarySeen;
  std::chrono::nanoseconds lasted{};
  std::uint64_t held = 0;
  SeenInHold seen;
  // A planned switchover was under way.
  bool planned = false;
};

// Released retries did not end in BufferOptions::max_retry_time.
struct RetriesOverdue {
  std::uint64_t count = 0;
};

struct DrainFinished {
  std::chrono::nanoseconds lasted{};
  std::uint64_t drained = 0;
};

// A planned switchover got further.
struct SwitchoverNews {
  WorkInFlight left;
  // Nothing is left but what OnOverdue::kProceed gave up.
  bool settled = false;
  std::optional<SwitchoverEnd> end;
};

struct Effects {
  // Waiters that left the shard's queue, in the order in which they joined. The thread that made
  // the decision wakes `threads`. The dispatcher completes `ready`. The inboxes of `homeward`
  // complete those.
  WaiterList threads;
  WaiterList ready;
  WaiterList homeward;
  // The inboxes whose loops must be woken, as InboxCore::Deliver leaves them.
  InboxCore* bells = nullptr;
  // The dispatcher sets this flag if the thread that drives Poll must be woken.
  bool wake_poller = false;
  // The shard's timer has fired, so the dispatcher sets it anew.
  bool timer_fired = false;

  std::optional<FailoverStarted> started;
  std::optional<StartSkipped> skipped;
  std::optional<FailoverStopped> stopped;
  std::optional<DrainFinished> drained;
  std::optional<RetriesOverdue> overdue;
  std::optional<SwitchoverNews> switchover;
  // A change of state waits to be delivered to BufferOptions::on_transition, by this thread.
  bool transitions = false;

  // True if nothing is left to be done.
  bool empty() const {
    return threads.empty() && bells == nullptr && !wake_poller && !transitions && !has_log();
  }
  bool has_log() const { return started || skipped || stopped || drained || overdue || switchover; }
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_EFFECTS_H_
