// Counts the slots and the bytes that the held requests of all shards share.
#ifndef FAILOVER_SRC_SHARD_SLOT_POOL_H_
#define FAILOVER_SRC_SHARD_SLOT_POOL_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <optional>

namespace failover::internal {

// Thread-safe. Every memory_order here is relaxed. The numbers guard no other data. Each
// read-modify-write of one atomic sees the one before, so no slot and no byte is given out twice. A
// thread that must know of a freed slot learns of the slot through the shard's mutex.
class SlotPool {
 public:
  // If `max_bytes` is 0, bytes have no limit.
  SlotPool(std::int64_t size, std::uint64_t max_bytes)
      : size_(size), max_bytes_(max_bytes), free_(size) {}

  std::int64_t size() const { return size_; }
  std::uint64_t max_bytes() const { return max_bytes_; }
  std::int64_t free_slots() const { return free_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_held() const { return bytes_.load(std::memory_order_relaxed); }

  bool TryTakeSlot() {
    std::int64_t free = free_.load(std::memory_order_relaxed);
    while (free > 0) {
      if (free_.compare_exchange_weak(free, free - 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  void ReturnSlots(std::int64_t count) {
    [[maybe_unused]] const std::int64_t before = free_.fetch_add(count, std::memory_order_relaxed);
    assert(before + count <= size_);
  }

  // Takes as many of the `wanted` bytes as are free, and returns how many they were. If fewer than
  // `least` bytes are free, takes nothing and returns nullopt.
  std::optional<std::uint64_t> TakeBytes(std::uint64_t wanted, std::uint64_t least) {
    if (wanted == 0) return 0;
    if (max_bytes_ == 0) {
      bytes_.fetch_add(wanted, std::memory_order_relaxed);
      return wanted;
    }
    std::uint64_t held = bytes_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t taken = std::min(wanted, max_bytes_ - held);
      if (taken < least) return std::nullopt;
      if (bytes_.compare_exchange_weak(held, held + taken, std::memory_order_relaxed)) {
        return taken;
      }
    }
  }

  void ReturnBytes(std::uint64_t count) {
    if (count == 0) return;
    [[maybe_unused]] const std::uint64_t before =
        bytes_.fetch_sub(count, std::memory_order_relaxed);
    // Without a limit the sum may have wrapped around. The subtraction then wraps back.
    assert(max_bytes_ == 0 || before >= count);
  }

 private:
  const std::int64_t size_;
  const std::uint64_t max_bytes_;
  std::atomic<std::int64_t> free_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SLOT_POOL_H_
