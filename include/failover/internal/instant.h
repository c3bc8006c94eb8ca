// Not part of the API. The inside of a Buffer counts time this way, because an absl::Time is twice
// as large and its sums are function calls. Every held request has two points of time.
#ifndef FAILOVER_INTERNAL_INSTANT_H_
#define FAILOVER_INTERNAL_INSTANT_H_

#include <chrono>

namespace failover::internal {

// The clock of one Buffer. It counts nanoseconds from the moment when the Buffer was made. After
// 292 years it stands still at kNever.
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

// Returns start + duration, or kNever instead of an overflow. `duration` must not be negative.
constexpr Instant After(Instant start, std::chrono::nanoseconds duration) {
  if (start > Instant() && duration > kNever - start) return kNever;
  return start + duration;
}

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_INSTANT_H_
