// Not part of the API. The gate is the one word of a shard that a request reads if no failover is
// under way.
#ifndef FAILOVER_INTERNAL_SHARD_GATE_H_
#define FAILOVER_INTERNAL_SHARD_GATE_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "failover/internal/work_count.h"
#include "failover/work.h"

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
    kDisabled = 4,       // the shard never holds a request, whatever the other bits say
    kInFailover = 8,     // the shard holds or drains: it counts the errors that it does not hold
    // Planned switchovers.
    kStopsTransactions = 16,   // requests that begin a transaction
    kAwaitsTransactions = 32,  // the end of a transaction must look whether none is left
    kAwaitsStatements = 64,    // the end of a statement must do so
  };

  static constexpr std::uint32_t StopsWork(Work work) {
    return work == Work::kTransaction ? kStopsRequests | kStopsTransactions : kStopsRequests;
  }
  // Whether a request that has not failed goes on without a look under the mutex.
  static constexpr bool LetsPass(std::uint32_t bits, Work work) {
    return (bits & StopsWork(work)) == 0 || (bits & kDisabled) != 0;
  }
  static constexpr std::uint32_t AwaitsWork(Work work) {
    return work == Work::kTransaction ? kAwaitsTransactions : kAwaitsStatements;
  }

  ShardGate(const ShardGate&) = delete;
  ShardGate& operator=(const ShardGate&) = delete;

  // The acquire pairs with the store in Set: a thread that sees an open gate sees all that the
  // thread that opened it did before. Nothing else orders the two. So a request may pass while
  // another thread closes the gate. That is right, because the request may as well have come
  // earlier, and if its attempt fails, it will be held.
  std::uint32_t bits() const { return bits_.load(std::memory_order_acquire); }

  // For counted work, which may not pass while another thread closes the gate. The load is
  // sequentially consistent, as docs/design.md ("Counted work") needs.
  std::uint32_t bits_in_order() const { return bits_.load(); }

  // nullptr if there are no stripes yet. The load is sequentially consistent: the thread that has
  // closed the gate may not miss counters in which a thread counted that saw the gate open
  // (docs/design.md, "Counted work").
  WorkCount* work_count() const { return work_count_.load(); }

  // Counts work in a stripe, which must be kGateStripe if there are no stripes. Thread-safe.
  void AddWork(Work work, std::uint8_t stripe) {
    if (stripe == kGateStripe) {
      own_work_[WorkCount::LaneOf(work)].fetch_add(1);
    } else {
      work_count()->At(work, stripe).fetch_add(1);
    }
  }
  // The counterpart of AddWork.
  void SubtractWork(Work work, std::uint8_t stripe) {
    if (stripe == kGateStripe) {
      own_work_[WorkCount::LaneOf(work)].fetch_sub(1);
    } else {
      work_count()->At(work, stripe).fetch_sub(1);
    }
  }
  // The sum of all stripes. Exact only as the proof says. Never negative.
  std::uint64_t SumOfWork(Work work) const {
    const WorkCount* const count = work_count();
    const auto own = static_cast<std::uint64_t>(own_work_[WorkCount::LaneOf(work)].load());
    return own + (count != nullptr ? count->Sum(work) : 0);
  }

  // The epoch of connections (ShardHandle::epoch). The acquire pairs with the release in
  // GrowEpoch: a thread that sees a new epoch sees what the thread that grew it knew. The epoch
  // grows before the gate opens. So a thread that passed an open gate and then reads the epoch
  // reads the new one.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

 protected:
  explicit ShardGate(std::uint32_t bits) : bits_(bits) {}
  ~ShardGate() { delete work_count_.load(std::memory_order_relaxed); }

  // A gate that stays as it is writes nothing, so that a report which changes nothing takes no
  // cache line from the idle path. Relaxed is enough for the look: the mutex of the shard orders
  // all writes. The store is sequentially consistent, because the end of counted work may not miss
  // a gate that was closed before (docs/design.md, "Counted work").
  void Set(std::uint32_t bits) {
    if (bits_.load(std::memory_order_relaxed) == bits) return;
    bits_.store(bits);
  }

  // Called under the shard's mutex, which orders all writes. So the relaxed load reads the newest
  // epoch.
  void GrowEpoch() {
    epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Makes the counters if there are none. Returns false if memory has run out. Thread-safe.
  bool EnsureWorkCount() noexcept;

 private:
  std::atomic<std::uint64_t> epoch_{1};
  // Set once. Deleted by the destructor, when no other thread uses the shard, so a relaxed load
  // there is enough.
  std::atomic<WorkCount*> work_count_{nullptr};
  std::atomic<std::uint32_t> bits_;
  // What is counted in kGateStripe.
  std::array<std::atomic<std::int32_t>, 2> own_work_{};
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_SHARD_GATE_H_
