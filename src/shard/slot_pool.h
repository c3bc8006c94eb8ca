// Counts the slots and the bytes that the held requests of all shards of a Buffer share, and those
// that the Buffers with the same failover::Budget share.
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
// With a failover::Budget, each slot and each byte is one of the shared pool, too. It is taken from
// both pools or from none. The limits of the shared pool never change.
//
// Thread-safe. Every memory_order here is relaxed. The numbers guard no other data. Each
// read-modify-write of one atomic sees the one before, so no slot and no byte is given out twice. A
// thread that must know of a freed slot learns of the slot through the shard's mutex. A thread that
// reads a limit while the limit changes acts as if it had come before the change.
class SlotPool {
 public:
  // If `max_bytes` is 0, bytes have no limit. `shared` is the pool of the Budget, or nullptr. It
  // must outlive *this.
  SlotPool(std::int64_t size, std::uint64_t max_bytes, SlotPool* shared = nullptr)
      : size_(size), max_bytes_(max_bytes), shared_(shared) {}

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
    const SlotAnswer own = TakeOwnSlot();
    return shared_ == nullptr || own != SlotAnswer::kTaken ? own : TakeSharedSlot();
  }
  // The answer for a shard that may take no more slots, whether or not one is free.
  SlotAnswer WhyFull() const {
    return taken_slots() > size() ? SlotAnswer::kAboveLimit : SlotAnswer::kFull;
  }

  void ReturnSlots(std::int64_t count) {
    ReturnOwnSlots(count);
    if (shared_ != nullptr) shared_->ReturnOwnSlots(count);
  }

  // Whether so many bytes are more than the limits allow in all.
  bool IsTooLarge(std::uint64_t bytes) const {
    return IsAbove(max_bytes(), bytes) ||
           (shared_ != nullptr && IsAbove(shared_->max_bytes(), bytes));
  }
  // Takes as many of the `wanted` bytes as are free, and returns how many they were. If fewer than
  // `least` bytes are free, or more are held than the limit allows, takes nothing and returns
  // nullopt.
  std::optional<std::uint64_t> TakeBytes(std::uint64_t wanted, std::uint64_t least) {
    if (wanted == 0) return 0;
    return shared_ == nullptr ? TakeOwnBytes(wanted, least) : TakeSharedBytes(wanted, least);
  }

  void ReturnBytes(std::uint64_t count) {
    if (count == 0) return;
    ReturnOwnBytes(count);
    if (shared_ != nullptr) shared_->ReturnOwnBytes(count);
  }

 private:
  static bool IsAbove(std::uint64_t max_bytes, std::uint64_t bytes) {
    return max_bytes != 0 && bytes > max_bytes;
  }

  SlotAnswer TakeOwnSlot() {
    const std::int64_t most = size();
    std::int64_t taken = taken_.load(std::memory_order_relaxed);
    while (taken < most) {
      if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) {
        return SlotAnswer::kTaken;
      }
    }
    return taken == most ? SlotAnswer::kFull : SlotAnswer::kAboveLimit;
  }
  void ReturnOwnSlots(std::int64_t count) {
    [[maybe_unused]] const std::int64_t before = taken_.fetch_sub(count, std::memory_order_relaxed);
    assert(before >= count);
  }
  // Needs a slot of *this. Without a shared slot, gives that one back.
  SlotAnswer TakeSharedSlot();

  std::optional<std::uint64_t> TakeOwnBytes(std::uint64_t wanted, std::uint64_t least) {
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
  void ReturnOwnBytes(std::uint64_t count) { bytes_.fetch_sub(count, std::memory_order_relaxed); }
  // TakeBytes of both pools.
  std::optional<std::uint64_t> TakeSharedBytes(std::uint64_t wanted, std::uint64_t least);

  std::atomic<std::int64_t> size_;
  std::atomic<std::uint64_t> max_bytes_;
  SlotPool* const shared_;
  std::atomic<std::int64_t> taken_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SLOT_POOL_H_
