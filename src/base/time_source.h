// Tells a Buffer the time.
#ifndef FAILOVER_SRC_BASE_TIME_SOURCE_H_
#define FAILOVER_SRC_BASE_TIME_SOURCE_H_

#include <chrono>

#include "absl/time/time.h"
#include "failover/clock.h"
#include "failover/internal/instant.h"

namespace failover::internal {

// Thread-safe, because the clock is.
class TimeSource {
 public:
  // Without a clock (nullptr), or with Clock::Steady, the steady clock is read, with no virtual
  // call. Otherwise `clock` must live longer than *this.
  explicit TimeSource(Clock* clock);

  // Calls the embedder's clock, so this must never be called under a lock.
  Instant Now() const noexcept;

  // The moment that the clock calls `time`. A time before the first answer of the clock is the time
  // of that answer.
  Instant At(absl::Time time) const;
  // The other way around.
  absl::Time ToTime(Instant instant) const;
  // Whether the steady clock is read. Then a thread can sleep until an Instant.
  bool is_steady() const { return clock_ == nullptr; }
  // Needs is_steady. Returns the point of the steady clock that `instant` stands for. A point that
  // is 100 years away or more is cut to 100 years, so that no sum overflows.
  std::chrono::steady_clock::time_point ToSteady(Instant instant) const;

 private:
  Clock* const clock_;
  const std::chrono::steady_clock::time_point steady_began_;
  const absl::Time began_;
};

// Rounds up, so that a wait is too short by one nanosecond at the most, by which Now may be late.
// Returns the longest duration instead of an overflow.
std::chrono::nanoseconds ToNanoseconds(absl::Duration duration);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_TIME_SOURCE_H_
