// How often a duration fell into which range. failover/stats.h says what is counted so.
#ifndef FAILOVER_HISTOGRAM_H_
#define FAILOVER_HISTOGRAM_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

// Plain data, and a copy of what a shard counts. Not thread-safe.
struct DurationHistogram {
  // The upper bounds of the ranges, in milliseconds, each of which belongs to its range. They are
  // close together where failovers of databases usually end, and 10 s and 20 s among them are the
  // defaults of BufferOptions::window and max_failover_duration. The last range has no bound.
  static constexpr std::array<std::int64_t, 12> kBoundsMs = {50,   100,  250,  500,   1000,  2000,
                                                             3000, 5000, 7500, 10000, 20000, 60000};
  static constexpr std::size_t kRanges = kBoundsMs.size() + 1;

  // How many durations fell into each range.
  std::array<std::uint64_t, kRanges> counts{};
  // The sum of all durations, in seconds. A double, because the sum over many requests would
  // outgrow 64 bits of nanoseconds within months.
  double sum_seconds = 0;

  void Add(std::chrono::nanoseconds duration) {
    std::size_t range = 0;
    while (range < kBoundsMs.size() && duration > std::chrono::milliseconds(kBoundsMs[range])) {
      ++range;
    }
    ++counts[range];
    sum_seconds += std::chrono::duration<double>(duration).count();
  }

  // How many durations were counted.
  std::uint64_t Count() const {
    std::uint64_t count = 0;
    for (const std::uint64_t in_range : counts) count += in_range;
    return count;
  }
};

// Returns an estimate of the duration that the share `q` (from 0 to 1) of all durations did not
// exceed, as Prometheus' histogram_quantile does: the durations count as spread evenly over their
// range. The estimate is never above the last bound. Zero if the histogram is empty.
FAILOVER_EXPORT absl::Duration Quantile(const DurationHistogram& histogram, double q);

}  // namespace failover

#endif  // FAILOVER_HISTOGRAM_H_
