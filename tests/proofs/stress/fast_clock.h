// A clock on which a second takes a millisecond, so that windows and guards, which have to be
// seconds long, play their part in a short test.
//
// Thread-safe. A service thread sleeps in real time, so with this clock it comes late, unless
// something wakes it.
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
