// What a decision of a shard leaves to be done once its mutex is released.
#ifndef FAILOVER_SRC_SHARD_EFFECTS_H_
#define FAILOVER_SRC_SHARD_EFFECTS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

// The facts of the log lines; failover_log.h makes the lines of them.
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
  // Waiters that left the shard's queue, first in, first out: threads to wake by whoever made the
  // decision, and those that the dispatcher runs.
  WaiterList threads;
  WaiterList ready;
  // Set by the dispatcher: whoever drives Poll must be told.
  bool wake_poller = false;
  // The shard's timer has fired, so the dispatcher sets it anew.
  bool timer_fired = false;

  std::optional<FailoverStarted> started;
  std::optional<StartSkipped> skipped;
  std::optional<FailoverStopped> stopped;
  std::optional<DrainFinished> drained;

  // Whether nothing is left to be done.
  bool empty() const { return threads.empty() && !wake_poller && !has_log(); }
  bool has_log() const { return started || skipped || stopped || drained; }
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_EFFECTS_H_
