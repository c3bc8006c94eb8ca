#include "watch/pace.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "absl/time/time.h"

namespace failover::watch::internal {
namespace {

MonitorOptions WithoutJitter() {
  MonitorOptions options;
  options.jitter = 0;
  return options;
}

TEST(PaceTest, HurriesWhileTheShardHoldsRequests) {
  Pace pace(WithoutJitter(), 1);
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, std::nullopt), absl::Milliseconds(100));
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::ZeroDuration()), absl::Milliseconds(10));
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::Milliseconds(2999)), absl::Milliseconds(10));
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::Seconds(3)), absl::Milliseconds(50));
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::Hours(1)), absl::Milliseconds(50));
}

TEST(PaceTest, NeverGoesSlowerBecauseOfAHold) {
  MonitorOptions options = WithoutJitter();
  options.poll_interval = absl::Milliseconds(2);
  Pace pace(options, 1);
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::ZeroDuration()), absl::Milliseconds(2));
  EXPECT_EQ(pace.PauseAfter(Seen::kWritable, absl::Seconds(3)), absl::Milliseconds(2));
}

TEST(PaceTest, OnlyAServerThatRefusesTheMonitorIsCheckedLessOften) {
  Pace pace(WithoutJitter(), 1);
  for (const Seen seen : {Seen::kWritable, Seen::kReadOnly, Seen::kNotReady, Seen::kUnreachable,
                          Seen::kHung, Seen::kUnknown}) {
    EXPECT_EQ(pace.PauseAfter(seen, std::nullopt), absl::Milliseconds(100));
  }
  for (const Seen seen : {Seen::kRefused, Seen::kFull}) {
    EXPECT_EQ(pace.PauseAfter(seen, std::nullopt), absl::Seconds(1));
    EXPECT_EQ(pace.PauseAfter(seen, absl::ZeroDuration()), absl::Milliseconds(100));
  }
}

TEST(PaceTest, ThereIsALeastPauseWhoeverAsks) {
  const Pace pace(WithoutJitter(), 1);
  EXPECT_EQ(pace.LeastPauseAfter(Seen::kWritable), absl::Milliseconds(10));
  EXPECT_EQ(pace.LeastPauseAfter(Seen::kUnreachable), absl::Milliseconds(10));
  EXPECT_EQ(pace.LeastPauseAfter(Seen::kRefused), absl::Milliseconds(100));
  EXPECT_EQ(pace.LeastPauseAfter(Seen::kFull), absl::Milliseconds(100));
}

TEST(PaceTest, AShorterIntervalLimitsTheLeastPause) {
  MonitorOptions options = WithoutJitter();
  options.urgent_interval = absl::Milliseconds(2);
  EXPECT_EQ(Pace(options, 1).LeastPauseAfter(Seen::kWritable), absl::Milliseconds(2));
  options.poll_interval = absl::Milliseconds(1);
  EXPECT_EQ(Pace(options, 1).LeastPauseAfter(Seen::kWritable), absl::Milliseconds(1));
  options.poll_interval = options.urgent_interval = absl::Seconds(10);
  EXPECT_EQ(Pace(options, 1).LeastPauseAfter(Seen::kWritable), absl::Milliseconds(10));
}

TEST(PaceTest, JitterHoldsForEachInterval) {
  Pace pace(MonitorOptions(), 1);
  std::set<absl::Duration> pauses;
  for (int i = 0; i < 100; ++i) {
    const absl::Duration pause = pace.PauseAfter(Seen::kWritable, absl::ZeroDuration());
    EXPECT_GE(pause, absl::Milliseconds(8));
    EXPECT_LE(pause, absl::Milliseconds(12));
    pauses.insert(pause);
  }
  EXPECT_GT(pauses.size(), 50u);
}

}  // namespace
}  // namespace failover::watch::internal
