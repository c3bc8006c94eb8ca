// Counters of eight shards, which many threads can increment at once without sharing a cache line.
#ifndef FAILOVER_SRC_BASE_STRIPED_COUNTER_H_
#define FAILOVER_SRC_BASE_STRIPED_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace failover::internal {

// A disabled shard counts every request, and in many routers these requests are most of the
// traffic. So a thread writes only the cache line of its own stripe. Each line has a counter for
// each of eight shards, so the stripes cost 128 bytes a shard.
class StripedCounters {
 public:
  static constexpr std::size_t kLanes = 8;

  // Relaxed: nothing is ordered by the count.
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
