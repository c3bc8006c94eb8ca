// On a FastClock a second takes a millisecond of real time. Windows and guards must be seconds
// long, and this clock lets them end within a short test.
//
// The clock is thread-safe. A service thread sleeps in real time. With this clock its timers come
// late, unless something wakes it.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_FAST_CLOCK_H_
#define FAILOVER_TESTS_PROOFS_STRESS_FAST_CLOCK_H_

#include "failover/clock.h"

namespace failover::test {

class FastClock final : public Clock {
 public:
  static constexpr int kSpeed = 1000;

  absl::Time Now() override {
    return absl::UnixEpoch() + (Clock::Steady().Now() - absl::UnixEpoch()) * kSpeed;
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_FAST_CLOCK_H_
