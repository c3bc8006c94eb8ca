// Not part of the API: the one word of a shard that the idle path reads.
#ifndef FAILOVER_INTERNAL_SHARD_GATE_H_
#define FAILOVER_INTERNAL_SHARD_GATE_H_

#include <atomic>
#include <cstdint>

namespace failover::internal {

// Written only under the shard's mutex, read without it.
class ShardGate {
 public:
  // What a request has to stop for. Each bit sends it to the slow path, which looks again under
  // the shard's mutex; a request that meets no bit passes.
  enum Bits : std::uint32_t {
    kOpen = 0,
    kStopsRequests = 1,  // requests that have not failed yet
    kStopsFailures = 2,  // requests that a failover made fail
    kDisabled = 4,       // none is ever held, but all are counted
  };

  ShardGate(const ShardGate&) = delete;
  ShardGate& operator=(const ShardGate&) = delete;

  // The acquire pairs with the release in Set: who sees a gate open sees all that the thread that
  // opened it did before. Nothing else orders the two, so a request may pass that began while the
  // gate was being closed: it was first, and its failed attempt will be held.
  std::uint32_t bits() const { return bits_.load(std::memory_order_acquire); }

 protected:
  explicit ShardGate(std::uint32_t bits) : bits_(bits) {}
  ~ShardGate() = default;

  void Set(std::uint32_t bits) { bits_.store(bits, std::memory_order_release); }

 private:
  std::atomic<std::uint32_t> bits_;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_SHARD_GATE_H_
