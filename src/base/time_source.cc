#include "base/time_source.h"

#include <algorithm>

namespace failover::internal {

namespace {

// If a Buffer counted from an infinite time, everything would be infinitely late.
absl::Time FiniteOr(absl::Time time, absl::Time otherwise) {
  return time == absl::InfinitePast() || time == absl::InfiniteFuture() ? otherwise : time;
}

// As Clock::Steady tells the time.
absl::Time SteadyTime(std::chrono::steady_clock::time_point time) {
  return absl::UnixEpoch() + absl::FromChrono(time.time_since_epoch());
}

// A time is never negative, so that no difference of two of them overflows, and never kNever, which
// means that nothing is due.
Instant InRange(Instant time) {
  return std::clamp(time, Instant(), kNever - std::chrono::nanoseconds(1));
}

}  // namespace

TimeSource::TimeSource(Clock* clock)
    : clock_(clock == &Clock::Steady() ? nullptr : clock),
      steady_began_(std::chrono::steady_clock::now()),
      began_(clock_ != nullptr ? FiniteOr(clock_->Now(), absl::UnixEpoch())
                               : SteadyTime(steady_began_)) {}

Instant TimeSource::Now() const noexcept {
  if (clock_ == nullptr) return Instant(std::chrono::steady_clock::now() - steady_began_);
  return InRange(Instant(absl::ToChronoNanoseconds(clock_->Now() - began_)));
}

Instant TimeSource::At(absl::Time time) const {
  return InRange(Instant(absl::ToChronoNanoseconds(time - began_)));
}

absl::Time TimeSource::ToTime(Instant instant) const {
  return began_ + absl::FromChrono(instant.time_since_epoch());
}

std::chrono::steady_clock::time_point TimeSource::ToSteady(Instant instant) const {
  constexpr std::chrono::hours kFar(24 * 365 * 100);
  return steady_began_ + std::min<std::chrono::nanoseconds>(instant.time_since_epoch(), kFar);
}

std::chrono::nanoseconds ToNanoseconds(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return std::chrono::nanoseconds::max();
  return absl::ToChronoNanoseconds(absl::Ceil(duration, absl::Nanoseconds(1)));
}

}  // namespace failover::internal
