// What a shard knows of its failovers.
#ifndef FAILOVER_SRC_SHARD_SHARD_ACTIVITY_H_
#define FAILOVER_SRC_SHARD_SHARD_ACTIVITY_H_

#include <cstdint>
#include <memory>

#include "failover/internal/instant.h"
#include "failover/stats.h"
#include "shard/drain_turns.h"
#include "shard/held_queue.h"
#include "shard/hold.h"
#include "shard/shared_limits.h"
#include "shard/start_guard.h"
#include "shard/switchover_run.h"

namespace failover::internal {

// What a shard needs once a failover begins or is refused. Until then the shard is Idle, holds
// nothing, and no guard forbids a hold.
struct ShardActivity {
  explicit ShardActivity(SharedTurns* shared_turns) : turns(shared_turns) {}

  HeldQueue queue;
  std::int64_t retrying = 0;
  StartGuard guard;
  // The numbers of the last end of a hold, and of the last retry that was refused.
  std::uint64_t last_end = 0;
  std::uint64_t last_refused = 0;
  Instant last_skip_log = kLongAgo;
  ShardCounters counters;
  Instant drain_began;
  std::uint64_t drained_before = 0;
  Hold hold;
  Patience patience;
  DrainTurns turns;
  // The planned switchover that is under way.
  std::shared_ptr<SwitchoverRun> switchover;
  // In Draining, if the primary is down, and the drain waits for BufferOptions::down_confirmation
  // or for a primary: the end of the confirmation. kLongAgo means that the drain goes on.
  Instant drain_waits_until = kLongAgo;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SHARD_ACTIVITY_H_
