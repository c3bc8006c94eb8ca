// What the Buffers with the same failover::Budget share.
#ifndef FAILOVER_SRC_SHARD_SHARED_LIMITS_H_
#define FAILOVER_SRC_SHARD_SHARED_LIMITS_H_

#include <atomic>
#include <cassert>
#include <cstdint>

#include "shard/slot_pool.h"

namespace failover::internal {

// Counts the turns (DrainTurns) that the drains of all these Buffers have taken together.
//
// Thread-safe. Every memory_order here is relaxed. The number guards no other data. Each
// read-modify-write sees the one before, so TryTake never takes a turn beyond the limit. A thread
// that reads an old number and gets no turn asks again: nobody waits for a turn of another thread.
class SharedTurns {
 public:
  explicit SharedTurns(std::int64_t most) : most_(most) {}

  std::int64_t most() const { return most_; }
  std::int64_t taken() const { return taken_.load(std::memory_order_relaxed); }

  // Takes the turn that a drain may always have, even if that is one too many.
  void TakeAlways() { taken_.fetch_add(1, std::memory_order_relaxed); }
  bool TryTake() {
    std::int64_t taken = taken_.load(std::memory_order_relaxed);
    while (taken < most_) {
      if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void Return(std::int64_t count) {
    [[maybe_unused]] const std::int64_t before = taken_.fetch_sub(count, std::memory_order_relaxed);
    assert(before >= count);
  }

 private:
  const std::int64_t most_;
  std::atomic<std::int64_t> taken_{0};
};

struct SharedLimits {
  SlotPool slots;
  SharedTurns turns;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SHARED_LIMITS_H_
