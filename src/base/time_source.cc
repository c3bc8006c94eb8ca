#include "base/time_source.h"

#include <algorithm>

namespace failover::internal {

namespace {

// If a Buffer counted from an infinite time, everything would be infinitely late.
absl::Time FiniteOr(absl::Time time, absl::Time otherwise) {
  return time == absl::InfinitePast() || time == absl::InfiniteFuture() ? otherwise : time;
}

}  // namespace

TimeSource::TimeSource(Clock* clock)
    : clock_(clock),
      began_(clock != nullptr ? FiniteOr(clock->Now(), absl::UnixEpoch()) : absl::Time()),
      steady_began_(std::chrono::steady_clock::now()) {}

Instant TimeSource::Now() const noexcept {
  if (clock_ == nullptr) return Instant(std::chrono::steady_clock::now() - steady_began_);
  // An Instant is never negative, so that no difference of two of them overflows.
  return std::max(Instant(), Instant(absl::ToChronoNanoseconds(clock_->Now() - began_)));
}

std::chrono::nanoseconds ToNanoseconds(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return std::chrono::nanoseconds::max();
  return absl::ToChronoNanoseconds(absl::Ceil(duration, absl::Nanoseconds(1)));
}

}  // namespace failover::internal
