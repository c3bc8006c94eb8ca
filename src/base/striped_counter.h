// Counts of eight shards that many threads bump at once without sharing a cache line.
#ifndef FAILOVER_SRC_BASE_STRIPED_COUNTER_H_
#define FAILOVER_SRC_BASE_STRIPED_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace failover::internal {

// A disabled shard counts every request, and for many routers these are most of the traffic. A
// thread writes only the line of its stripe; eight shards lie side by side in it, so that this
// costs 128 bytes a shard.
class StripedCounters {
 public:
  static constexpr std::size_t kLanes = 8;

  // Relaxed: the count orders nothing.
  void Add(std::size_t lane) {
    lines_[ThisThreadsStripe()].lanes[lane].fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t Sum(std::size_t lane) const {
    std::uint64_t sum = 0;
    for (const Line& line : lines_) sum += line.lanes[lane].load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr std::size_t kStripes = 16;

  struct alignas(64) Line {
    std::array<std::atomic<std::uint64_t>, kLanes> lanes{};
  };

  static std::size_t ThisThreadsStripe() {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t stripe = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
    return stripe;
  }

  std::array<Line, kStripes> lines_{};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_STRIPED_COUNTER_H_
