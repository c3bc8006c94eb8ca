// Not part of the API: time as the inside of a Buffer counts it. An absl::Time is twice as large,
// and its sums are function calls; every held request has two of them.
#ifndef FAILOVER_INTERNAL_INSTANT_H_
#define FAILOVER_INTERNAL_INSTANT_H_

#include <chrono>

namespace failover::internal {

// A point on the clock of one Buffer, in nanoseconds since the Buffer was made. After 292 years its
// time stands still, at kNever.
struct BufferTime {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BufferTime>;
  static constexpr bool is_steady = true;
};
using Instant = BufferTime::time_point;

inline constexpr Instant kNever = Instant::max();
inline constexpr Instant kLongAgo = Instant::min();

// kNever instead of an overflow. `duration` is not negative.
constexpr Instant After(Instant start, std::chrono::nanoseconds duration) {
  if (start > Instant() && duration > kNever - start) return kNever;
  return start + duration;
}

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_INSTANT_H_
