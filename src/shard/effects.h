// What is left to be done after a shard decided and released its mutex.
#ifndef FAILOVER_SRC_SHARD_EFFECTS_H_
#define FAILOVER_SRC_SHARD_EFFECTS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

// The facts of the log lines. failover_log.h turns them into text.
struct FailoverStarted {
  bool dry_run = false;
  bool primary_known_down = false;
};

struct StartSkipped {
  bool dry_run = false;
  SkippedReason guard = SkippedReason::kLastFailoverTooRecent;
  std::chrono::nanoseconds elapsed{};
};

struct FailoverStopped {
  bool dry_run = false;
  StopReason reason = StopReason::kNewPrimarySeen;
  std::chrono::nanoseconds lasted{};
  std::uint64_t held = 0;
};

struct DrainFinished {
  Instant began;
  std::uint64_t drained = 0;
};

struct Effects {
  // Waiters that left the shard's queue, in the order in which they joined. The thread that made
  // the decision wakes `threads`. The dispatcher completes `ready`.
  WaiterList threads;
  WaiterList ready;
  // The dispatcher sets this flag if the thread that drives Poll must be woken.
  bool wake_poller = false;
  // The shard's timer has fired, so the dispatcher sets it anew.
  bool timer_fired = false;

  std::optional<FailoverStarted> started;
  std::optional<StartSkipped> skipped;
  std::optional<FailoverStopped> stopped;
  std::optional<DrainFinished> drained;

  // True if nothing is left to be done.
  bool empty() const { return threads.empty() && !wake_poller && !has_log(); }
  bool has_log() const { return started || skipped || stopped || drained; }
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_EFFECTS_H_
