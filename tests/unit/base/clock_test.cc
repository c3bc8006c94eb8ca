// These tests cover the clocks that a Buffer can be given.
#include "failover/clock.h"

#include <gtest/gtest.h>

#include "failover/testing/simulated_clock.h"

namespace failover {
namespace {

TEST(SimulatedClockTest, StandsStill) {
  SimulatedClock clock;
  EXPECT_EQ(clock.Now(), clock.Now());
}

TEST(SimulatedClockTest, StartsAnywhere) {
  EXPECT_EQ(SimulatedClock().Now(), absl::UnixEpoch());
  const absl::Time start = absl::UnixEpoch() - absl::Hours(5);
  EXPECT_EQ(SimulatedClock(start).Now(), start);
}

TEST(SimulatedClockTest, AdvancesByAsMuchAsItIsTold) {
  SimulatedClock clock;
  clock.Advance(absl::Nanoseconds(1));
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(clock.Now(), absl::UnixEpoch() + absl::Seconds(2) + absl::Nanoseconds(1));
}

TEST(SimulatedClockTest, NeverGoesBack) {
  SimulatedClock clock;
  clock.Advance(absl::Seconds(-1));
  clock.Advance(absl::ZeroDuration());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
}

TEST(SteadyClockTest, NeverGoesBack) {
  Clock& clock = Clock::Steady();
  absl::Time last = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SteadyClockTest, IsOne) { EXPECT_EQ(&Clock::Steady(), &Clock::Steady()); }

}  // namespace
}  // namespace failover
