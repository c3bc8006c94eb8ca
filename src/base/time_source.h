// Tells a Buffer the time.
#ifndef FAILOVER_SRC_BASE_TIME_SOURCE_H_
#define FAILOVER_SRC_BASE_TIME_SOURCE_H_

#include <chrono>

#include "absl/time/time.h"
#include "failover/clock.h"
#include "failover/internal/instant.h"

namespace failover::internal {

// Thread-safe, as the clock is.
class TimeSource {
 public:
  // nullptr: the steady clock, read without a detour. Else `clock` must live longer than *this.
  explicit TimeSource(Clock* clock);

  // Calls foreign code: never under a lock.
  Instant Now() const noexcept;

 private:
  Clock* const clock_;
  const absl::Time began_;
  const std::chrono::steady_clock::time_point steady_began_;
};

// Rounded up, so that no wait is shorter than it should be by more than the nanosecond that Now may
// be late; the longest duration instead of an overflow.
std::chrono::nanoseconds ToNanoseconds(absl::Duration duration);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_TIME_SOURCE_H_
