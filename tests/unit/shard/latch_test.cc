// These tests cover the time after the longest duration (docs/design.md, E9 and "The latch").
#include <gtest/gtest.h>

#include <optional>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class LatchTest : public EvidenceTest {
 protected:
  // A hold of server 1 takes the longest duration, which latches the shard.
  void Latch() {
    Hear(1, true, 100);
    { const AsyncRequest request = Fail(); }
    Pass(absl::Seconds(20), absl::Seconds(1));
    ASSERT_EQ(state(), State::kIdle);
    ASSERT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
  }
  // The health check goes on to tell the same for so long that the budget is full again.
  void PassWithReports(bool serving) {
    for (int i = 0; i < 13; ++i) {
      Advance(absl::Seconds(5));
      Hear(1, serving, 100);
    }
  }
};

TEST_F(LatchTest, ADownPrimaryHoldsNoRequest) {
  Latch();
  PassWithReports(false);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(LatchTest, APrimaryThatWasDownAtTheEndHoldsNoRequest) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  { const AsyncRequest request = Request(); }
  Pass(absl::Seconds(20), absl::Seconds(1));
  PassWithReports(false);
  EXPECT_TRUE(Request().passed());
}

TEST_F(LatchTest, AFailedRequestPassesAsLongAsReportsCome) {
  Latch();
  PassWithReports(false);
  PassWithReports(false);
  EXPECT_TRUE(Fail().passed());
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 2u);
}

TEST_F(LatchTest, WithoutReportsAFailedRequestBeginsAHoldAfterTheTimeBetweenFailovers) {
  Latch();
  Advance(absl::Seconds(59));
  EXPECT_TRUE(Fail().passed());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(Fail().held());
}

TEST_F(LatchTest, BugNoFeed_ItLatchesAShardWithoutAnyReports) {
  { const AsyncRequest request = FailReturning(); }
  Pass(absl::Seconds(20), absl::Seconds(1));
  ASSERT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
  Advance(absl::Seconds(50));
  EXPECT_TRUE(FailReturning().passed());
  Advance(absl::Seconds(10));
  EXPECT_TRUE(FailReturning().held());
}

TEST_F(LatchTest, ADownReportDoesNotStopTheDrain) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  { const AsyncRequest begins = Request(); }
  Pass(absl::Seconds(15), absl::Seconds(1));
  AsyncRequest first = Request();
  AsyncRequest second = Request();
  Pass(absl::Seconds(5), absl::Seconds(1));
  ASSERT_TRUE(first.released());
  Hear(1, false, 100);
  EXPECT_EQ(state(), State::kDraining);
  first.EndRetry();
  PollAll();
  EXPECT_TRUE(second.released());
}

TEST_F(LatchTest, ARefusedRetryDoesNotStopTheDrain) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(1, true, 100);
  AsyncRequest begins = Fail();
  Advance(absl::Seconds(10));
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(first.released());
  EXPECT_TRUE(Return(first).passed());
  PollAll();
  EXPECT_TRUE(second.released());
  EXPECT_NE(state(), State::kBuffering);
}

TEST_F(LatchTest, AServingReportEndsIt) {
  Latch();
  PassWithReports(true);
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held());
}

TEST_F(LatchTest, ASuccessEndsIt) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Advance(absl::Seconds(10));
  AsyncRequest drained = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(drained.released());
  Advance(absl::Minutes(2));
  Tell(drained, Attempt::kSucceeded);
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held());
}

TEST_F(LatchTest, AFailureOfARetryDoesNotEndIt) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(20);
  Create(options);
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Advance(absl::Seconds(10));
  AsyncRequest drained = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(drained.released());
  Advance(absl::Minutes(2));
  Tell(drained, Attempt::kFailed);
  Hear(1, false, 100);
  EXPECT_TRUE(Request().passed());
}

TEST_F(LatchTest, AnOperatorEndsIt) {
  Latch();
  Advance(absl::Minutes(2));
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held());
}

TEST_F(LatchTest, AnOldPrimaryThatIsNotBelievedDoesNotEndIt) {
  Latch();
  PassWithReports(false);
  Hear(9, true, 50);
  EXPECT_TRUE(Request().passed());
}

TEST_F(LatchTest, ASuspicionDoesNotLatchTheShard) {
  FailOverToServer2();
  { const AsyncRequest suspect = FailReturning(); }
  Advance(absl::Seconds(1));
  ASSERT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
  Hear(2, false, 200);
  EXPECT_TRUE(Request().held());
}

TEST_F(LatchTest, TheLogSaysWhatWasSeen) {
  Latch();
  EXPECT_EQ(log_.Count("did not finish within max_failover_duration"), 1u);
  EXPECT_EQ(log_.Count("no health report came meanwhile"), 1u);
}

TEST_F(LatchTest, TheLogSaysThatAServerWasTakenForAnOldPrimary) {
  Hear(1, true, 0);
  { const AsyncRequest request = Fail(); }
  Hear(2, true, 0);
  Pass(absl::Seconds(20), absl::Seconds(1));
  EXPECT_EQ(log_.Count("taken for an old primary"), 1u);
}

TEST_F(LatchTest, TheLogSaysThatAReportWasNotUp) {
  Hear(1, true, 0);
  { const AsyncRequest request = Fail(); }
  TabletStats report = PrimaryReport(1, true, 0);
  report.up = false;
  buffer().StatsUpdate(report);
  Pass(absl::Seconds(20), absl::Seconds(1));
  EXPECT_EQ(log_.Count("a report said serving, but not up"), 1u);
}

TEST_F(LatchTest, TheLogSaysThatThePrimaryWasDown) {
  Hear(1, true, 0);
  { const AsyncRequest request = Fail(); }
  Hear(1, false, 0);
  Pass(absl::Seconds(20), absl::Seconds(1));
  EXPECT_EQ(log_.Count("the primary was reported down, and no other server to serve"), 1u);
}

}  // namespace
}  // namespace failover::test
