#include "failover/histogram.h"

#include <algorithm>

namespace failover {

absl::Duration Quantile(const DurationHistogram& histogram, double q) {
  const auto& bounds = DurationHistogram::kBoundsMs;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(histogram.Count());
  if (rank <= 0) return absl::ZeroDuration();
  double below = 0;
  for (std::size_t range = 0; range < bounds.size(); ++range) {
    const auto count = static_cast<double>(histogram.counts[range]);
    if (count > 0 && below + count >= rank) {
      const auto lower = static_cast<double>(range == 0 ? 0 : bounds[range - 1]);
      const auto upper = static_cast<double>(bounds[range]);
      return absl::Milliseconds(lower + (upper - lower) * (rank - below) / count);
    }
    below += count;
  }
  return absl::Milliseconds(bounds.back());
}

}  // namespace failover
