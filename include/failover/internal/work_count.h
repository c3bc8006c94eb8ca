// Not part of the API. Counts the statements and the transactions of one shard that are in flight.
#ifndef FAILOVER_INTERNAL_WORK_COUNT_H_
#define FAILOVER_INTERNAL_WORK_COUNT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "failover/export.h"
#include "failover/work.h"

namespace failover::internal {

class ShardGate;

// Each thread adds in a stripe of its own, so that threads share no cache line. What was added in a
// stripe is subtracted in the same stripe, by whichever thread. docs/design.md ("Counted work") has
// the proof that a sum of zero is exact.
//
// Thread-safe. Every access is sequentially consistent, which the proof needs.
class WorkCount {
 public:
  static constexpr std::size_t kStripes = 16;

  static std::size_t LaneOf(Work work) { return work == Work::kTransaction ? 1 : 0; }

  // `work` must not be kUncounted.
  std::atomic<std::int64_t>& At(Work work, std::uint8_t stripe) {
    return stripes_[stripe].lanes[LaneOf(work)];
  }

  // Exact only as the proof says. Never negative.
  std::uint64_t Sum(Work work) const {
    std::int64_t sum = 0;
    for (const Stripe& stripe : stripes_) sum += stripe.lanes[LaneOf(work)].load();
    return static_cast<std::uint64_t>(sum);
  }

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<std::int64_t>, 2> lanes{};
  };

  std::array<Stripe, kStripes> stripes_{};
};

// The stripe of work that is not counted.
inline constexpr std::uint8_t kNoStripe = 0xFF;
// The stripe of work for which no WorkCount could be made. The gate of the shard counts that work.
inline constexpr std::uint8_t kGateStripe = 0xFE;

// Ends what was counted in the stripe. If a planned switchover waits for it, looks whether the
// shard is quiet. `owns` says that the work shares the ownership of the Buffer's inside.
FAILOVER_EXPORT void LeaveWork(ShardGate& gate, Work work, std::uint8_t stripe, bool owns) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_WORK_COUNT_H_
