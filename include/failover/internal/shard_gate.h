// Not part of the API. The gate is the one word of a shard that a request reads if no failover is
// under way.
#ifndef FAILOVER_INTERNAL_SHARD_GATE_H_
#define FAILOVER_INTERNAL_SHARD_GATE_H_

#include <atomic>
#include <cstdint>

namespace failover::internal {

// Written only under the shard's mutex, and read without it.
class ShardGate {
 public:
  // Which requests have to stop. A request that meets its bit takes the slow path, which looks
  // again under the shard's mutex. A request that does not meet its bit passes.
  enum Bits : std::uint32_t {
    kOpen = 0,
    kStopsRequests = 1,  // requests that have not failed yet
    kStopsFailures = 2,  // requests that a failover made fail
    kDisabled = 4,       // the shard never holds a request, but counts all
  };

  ShardGate(const ShardGate&) = delete;
  ShardGate& operator=(const ShardGate&) = delete;

  // The acquire pairs with the release in Set: a thread that sees an open gate sees all that the
  // thread that opened it did before. Nothing else orders the two. So a request may pass while
  // another thread closes the gate. That is right, because the request may as well have come
  // earlier, and if its attempt fails, it will be held.
  std::uint32_t bits() const { return bits_.load(std::memory_order_acquire); }

 protected:
  explicit ShardGate(std::uint32_t bits) : bits_(bits) {}
  ~ShardGate() = default;

  // A gate that stays as it is writes nothing, so that a report which changes nothing takes no
  // cache line from the idle path. Relaxed is enough for the look: the mutex of the shard orders
  // all writes.
  void Set(std::uint32_t bits) {
    if (bits_.load(std::memory_order_relaxed) == bits) return;
    bits_.store(bits, std::memory_order_release);
  }

 private:
  std::atomic<std::uint32_t> bits_;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_SHARD_GATE_H_
