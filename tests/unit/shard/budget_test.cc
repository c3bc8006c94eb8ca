// These tests cover how long a shard may be held in all: the budget, and the latch after the
// longest duration (docs/design.md, "Budget" and "The latch").
#include <gtest/gtest.h>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kSecond = absl::Seconds(1);

class BudgetTest : public EvidenceTest {
 protected:
  // Holds for `duration` because the primary, server 2, is down. Server 2 then serves again.
  void HoldFor(absl::Duration duration) {
    Hear(2, false, 200);
    { const AsyncRequest request = Request(); }
    ASSERT_EQ(state(), State::kBuffering);
    Pass(duration, absl::Milliseconds(500));
    Hear(2, true, 200);
    ASSERT_EQ(state(), State::kIdle);
  }
  // How long a hold lasts that nothing ends but its budget.
  absl::Duration LongestHold() {
    Hear(2, false, 200);
    { const AsyncRequest request = Request(); }
    absl::Duration lasted;
    for (; state() == State::kBuffering; lasted += absl::Milliseconds(100)) {
      Advance(absl::Milliseconds(100));
    }
    return lasted;
  }
  void SetUp() override { Hear(2, true, 200); }
};

TEST_F(BudgetTest, AtFirstItIsTheLongestDuration) {
  EXPECT_EQ(LongestHold(), absl::Seconds(20));
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(BudgetTest, AHoldSpendsWhatItTakes) {
  HoldFor(absl::Seconds(15));
  EXPECT_EQ(LongestHold(), absl::Seconds(5));
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(BudgetTest, UnderOneSecondNoHoldBegins) {
  HoldFor(absl::Milliseconds(19500));
  Hear(2, false, 200);
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Fail().passed());
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Skipped(SkippedReason::kBudgetUsedUp), 3u);
  EXPECT_EQ(log_.Count("not starting buffering"), 1u);
}

TEST_F(BudgetTest, BugNoRequest_AReportThatBeginsNoHoldIsNoSkippedRequest) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(2, true, 200);
  Hear(2, false, 200);
  AsyncRequest drained = Request();
  const AsyncRequest waits = Request();
  Pass(absl::Milliseconds(19500), absl::Milliseconds(500));
  Hear(2, true, 200);
  ASSERT_EQ(state(), State::kDraining);
  Hear(2, false, 200);
  EXPECT_EQ(state(), State::kDraining);
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(BudgetTest, BugNoRequest_ARetryThatIsToldToBeRefusedIsNoSkippedRequest) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(2, true, 200);
  Hear(2, false, 200);
  AsyncRequest drained = Request();
  Pass(absl::Milliseconds(19500), absl::Milliseconds(500));
  Hear(2, true, 200);
  ASSERT_TRUE(drained.released());
  Tell(drained, Attempt::kRefused);
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(BudgetTest, ARetryThatComesBackAndPassesIsSkipped) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(2, true, 200);
  Hear(2, false, 200);
  AsyncRequest drained = Request();
  Pass(absl::Milliseconds(19500), absl::Milliseconds(500));
  Hear(2, true, 200);
  ASSERT_TRUE(drained.released());
  EXPECT_TRUE(Return(drained).passed());
  EXPECT_EQ(Skipped(SkippedReason::kBudgetUsedUp), 1u);
}

TEST_F(BudgetTest, ItComesBackEvenly) {
  HoldFor(absl::Seconds(15));
  HoldFor(absl::Milliseconds(4500));
  Hear(2, false, 200);
  Advance(absl::Milliseconds(1400));
  EXPECT_TRUE(Request().passed());
  Advance(absl::Milliseconds(200));
  EXPECT_TRUE(Request().held());
}

TEST_F(BudgetTest, ItIsFullAgainAfterTheTimeBetweenFailovers) {
  HoldFor(absl::Seconds(15));
  Advance(absl::Minutes(1));
  EXPECT_EQ(LongestHold(), absl::Seconds(20));
}

TEST_F(BudgetTest, TheStatsTellWhatIsLeft) {
  const auto left = [this] { return Stats().hold_budget.LeftAt(clock_.Now()); };
  EXPECT_EQ(left(), absl::Seconds(20)) << "nothing was held yet";
  HoldFor(absl::Seconds(15));
  EXPECT_EQ(left(), absl::Seconds(5));
  Advance(absl::Seconds(6));
  EXPECT_EQ(left(), absl::Seconds(7)) << "a third comes back in each second";
  Hear(2, false, 200);
  const AsyncRequest request = Request();
  ASSERT_EQ(state(), State::kBuffering);
  Pass(absl::Seconds(3), kSecond);
  EXPECT_EQ(left(), absl::Seconds(4)) << "nothing comes back while the shard holds";
  Hear(2, true, 200);
  Advance(absl::Hours(1));
  EXPECT_EQ(left(), absl::Seconds(20));
}

TEST_F(BudgetTest, TheStatsOfAHoldOfAnOperatorTellItsEnd) {
  HoldFor(absl::Seconds(15));
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Advance(absl::Seconds(2));
  EXPECT_EQ(Stats().hold_budget.LeftAt(clock_.Now()), absl::Seconds(18));
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(Stats().hold_budget.LeftAt(clock_.Now()), absl::Seconds(5));
}

TEST_F(BudgetTest, ItNeverHoldsMoreThanTheLongestDuration) {
  Advance(absl::Hours(5));
  EXPECT_EQ(LongestHold(), absl::Seconds(20));
}

TEST_F(BudgetTest, ItDoesNotComeBackWhileTheShardHolds) {
  HoldFor(absl::Seconds(10));
  HoldFor(absl::Seconds(8));
  EXPECT_EQ(LongestHold(), absl::Seconds(2));
}

TEST_F(BudgetTest, ItsEndDoesNotLatchTheShard) {
  HoldFor(absl::Seconds(15));
  EXPECT_EQ(LongestHold(), absl::Seconds(5));
  Advance(absl::Seconds(6));
  Hear(2, false, 200);
  EXPECT_TRUE(Request().held()) << "two seconds have come back";
}

TEST_F(BudgetTest, AnOperatorNeedsNone) {
  HoldFor(absl::Milliseconds(19500));
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Pass(absl::Seconds(19), kSecond);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(BudgetTest, AnOperatorSpendsNone) {
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Pass(absl::Seconds(15), kSecond);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(LongestHold(), absl::Seconds(20));
}

TEST_F(BudgetTest, BugRefill_ItDoesNotComeBackWhileAnOperatorHolds) {
  HoldFor(absl::Seconds(15));
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Pass(absl::Seconds(12), kSecond);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(LongestHold(), absl::Seconds(5));
}

TEST_F(BudgetTest, AfterARefusedRetryTheDrainGoesOn) {
  Pass(absl::Seconds(10), kSecond);
  HoldFor(absl::Seconds(15));
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Pass(absl::Milliseconds(4500), absl::Milliseconds(500));
  Hear(3, true, 300);
  ASSERT_TRUE(first.released());
  Tell(first, Attempt::kRefused);
  EXPECT_TRUE(second.released());
  EXPECT_EQ(Stats().starts, 2u);
}

TEST_F(BudgetTest, ADownThenStopsNoDrainEither) {
  HoldFor(absl::Seconds(15));
  AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  Pass(absl::Milliseconds(4500), absl::Milliseconds(500));
  Hear(3, true, 300);
  Hear(3, false, 300);
  EXPECT_EQ(state(), State::kDraining);
}

TEST_F(BudgetTest, AFlappingPrimaryIsHeldAtMostAThirdOfTheTime) {
  absl::Duration held;
  for (int second = 0; second < 3600; ++second) {
    if (second % 2 == 0) Hear(2, second % 4 != 0, 200);
    const AsyncRequest request = Request();
    if (request.held()) held += kSecond;
    Advance(kSecond);
  }
  EXPECT_LE(held, absl::Seconds(1200 + 20));
  EXPECT_GT(held, absl::Seconds(600));
}

}  // namespace
}  // namespace failover::test
