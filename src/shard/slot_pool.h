// Counts the slots and the bytes that the held requests of all shards share.
#ifndef FAILOVER_SRC_SHARD_SLOT_POOL_H_
#define FAILOVER_SRC_SHARD_SLOT_POOL_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <optional>

namespace failover::internal {

enum class SlotAnswer : std::uint8_t {
  kTaken,
  kFull,
  kAboveLimit,  // more slots are taken than there are, because the limit has become smaller
};

// The limits may change at any time (Buffer::Reconfigure). A smaller limit takes nothing back: it
// gives nothing out until enough has come back.
//
// Thread-safe. Every memory_order here is relaxed. The numbers guard no other data. Each
// read-modify-write of one atomic sees the one before, so no slot and no byte is given out twice. A
// thread that must know of a freed slot learns of the slot through the shard's mutex. A thread that
// reads a limit while the limit changes acts as if it had come before the change.
class SlotPool {
 public:
  // If `max_bytes` is 0, bytes have no limit.
  SlotPool(std::int64_t size, std::uint64_t max_bytes) : size_(size), max_bytes_(max_bytes) {}

  std::int64_t size() const { return size_.load(std::memory_order_relaxed); }
  std::uint64_t max_bytes() const { return max_bytes_.load(std::memory_order_relaxed); }
  std::int64_t taken_slots() const { return taken_.load(std::memory_order_relaxed); }
  std::int64_t free_slots() const { return std::max<std::int64_t>(size() - taken_slots(), 0); }
  std::uint64_t bytes_held() const { return bytes_.load(std::memory_order_relaxed); }

  void SetLimits(std::int64_t size, std::uint64_t max_bytes) {
    size_.store(size, std::memory_order_relaxed);
    max_bytes_.store(max_bytes, std::memory_order_relaxed);
  }

  SlotAnswer TakeSlot() {
    const std::int64_t most = size();
    std::int64_t taken = taken_.load(std::memory_order_relaxed);
    while (taken < most) {
      if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) {
        return SlotAnswer::kTaken;
      }
    }
    return taken == most ? SlotAnswer::kFull : SlotAnswer::kAboveLimit;
  }
  // The answer for a shard that may take no more slots, whether or not one is free.
  SlotAnswer WhyFull() const {
    return taken_slots() > size() ? SlotAnswer::kAboveLimit : SlotAnswer::kFull;
  }

  void ReturnSlots(std::int64_t count) {
    [[maybe_unused]] const std::int64_t before = taken_.fetch_sub(count, std::memory_order_relaxed);
    assert(before >= count);
  }

  // Takes as many of the `wanted` bytes as are free, and returns how many they were. If fewer than
  // `least` bytes are free, or more are held than the limit allows, takes nothing and returns
  // nullopt.
  std::optional<std::uint64_t> TakeBytes(std::uint64_t wanted, std::uint64_t least) {
    if (wanted == 0) return 0;
    const std::uint64_t most = max_bytes();
    if (most == 0) {
      bytes_.fetch_add(wanted, std::memory_order_relaxed);
      return wanted;
    }
    std::uint64_t held = bytes_.load(std::memory_order_relaxed);
    while (held <= most) {
      const std::uint64_t taken = std::min(wanted, most - held);
      if (taken < least) return std::nullopt;
      if (bytes_.compare_exchange_weak(held, held + taken, std::memory_order_relaxed)) {
        return taken;
      }
    }
    return std::nullopt;
  }

  // Without a limit the sum may have wrapped around. The subtraction then wraps back.
  void ReturnBytes(std::uint64_t count) {
    if (count != 0) bytes_.fetch_sub(count, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> size_;
  std::atomic<std::uint64_t> max_bytes_;
  std::atomic<std::int64_t> taken_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SLOT_POOL_H_
