// What the shards of a Buffer share: its limits, and what they take from its options.
#ifndef FAILOVER_SRC_SHARD_SHARD_CONTEXT_H_
#define FAILOVER_SRC_SHARD_SHARD_CONTEXT_H_

#include <array>
#include <chrono>
#include <cstdint>

#include "base/ref_counted.h"
#include "base/striped_counter.h"
#include "shard/hold.h"
#include "shard/hold_budget.h"
#include "shard/shared_limits.h"
#include "shard/slot_pool.h"

namespace failover::internal {

// What a shard takes from the options that may change while the Buffer runs
// (Buffer::Reconfigure).
struct ShardTerms {
  std::chrono::nanoseconds window;
  std::chrono::nanoseconds max_failover_duration;
  std::chrono::nanoseconds min_time_between_failovers;
  std::int64_t drain_concurrency;
  // At least drain_concurrency.
  std::int64_t drain_concurrency_max = 1;
  std::chrono::nanoseconds max_retry_time = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds down_confirmation{};
  std::int64_t max_per_shard = 0;  // 0: no limit
  HoldTerms hold = {};
  // BufferOptions::size, as the statistics and the log tell it. The pool has the limit.
  std::int64_t size = 1;

  HoldBudget::Terms budget() const { return {max_failover_duration, min_time_between_failovers}; }
};

// What all shards of a Buffer share. `owner` owns the context and the shards.
struct ShardContext {
  RefCounted& owner;
  SlotPool& pool;
  // Each shard follows one of the two. The other one is written only while no shard follows it.
  std::array<ShardTerms, 2> terms;
  // Whether changes of state are kept for BufferOptions::on_transition.
  bool tells_transitions = false;
  // Those of BufferOptions::budget; nullptr without a budget.
  SharedTurns* shared_turns = nullptr;
};

// Where a disabled shard counts its requests.
struct DisabledLane {
  StripedCounters* counters = nullptr;
  std::uint8_t lane = 0;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SHARD_CONTEXT_H_
