// These tests cover corners of the rules of evidence that random steps found: each test is named
// after the rule that was broken.
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class EvidenceRulesTest : public BufferTest {
 protected:
  static RequestContext MayProbe() {
    RequestContext context;
    context.may_probe = true;
    return context;
  }

  // The retry of the request was refused, and its client comes back. Returns whether it is held.
  bool ComeBack(AsyncRequest& request, Attempt attempt = Attempt::kRefused) {
    absl::StatusOr<BufferedRequest> held = buffer().WaitForFailoverEndAsync(
        MayProbe(), shard(), LastAttempt(attempt).After(std::move(request.token())),
        [](absl::StatusOr<RetryDoneFunc>) {});
    EXPECT_TRUE(held.ok()) << held.status();
    return held.ok() && *held;
  }
};

TEST_F(EvidenceRulesTest, WithoutReportsTheLatchHoldsForTheWholeTimeBetweenFailovers) {
  { const AsyncRequest holds = Fail(); }
  Advance(absl::Seconds(20));
  ASSERT_EQ(At(Stats().stops, StopReason::kMaxDurationExceeded), 1u);
  Advance(absl::Seconds(30));
  EXPECT_TRUE(Fail(MayProbe()).passed());
  Advance(absl::Seconds(30));
  EXPECT_TRUE(Fail(MayProbe()).held());
}

TEST_F(EvidenceRulesTest, TheEpochGrowsAfterARefusalOfARetryThatTheLastDrainLetGo) {
  AsyncRequest first = Fail();
  Report(1, true, 100);
  PollAll();
  ASSERT_TRUE(first.released());
  Report(1, false, 100);  // The drain stops, and a new hold begins.
  ASSERT_EQ(Stats().state, State::kBuffering);
  const std::uint64_t before = shard().epoch();
  first.token()(Attempt::kRefused);
  buffer().StopBuffering(shard());
  EXPECT_GT(shard().epoch(), before);
}

TEST_F(EvidenceRulesTest, AReportDownConfirmsASuspicionIfThePrimaryNeverServed) {
  AsyncRequest first = Fail();
  buffer().StopBuffering(shard());
  PollAll();
  first.EndRetry();
  const AsyncRequest suspects = Fail(MayProbe());
  ASSERT_TRUE(suspects.held());
  Report(1, false, 100);
  Advance(absl::Seconds(2));
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(EvidenceRulesTest, ASuccessFromBeforeAReportDownProvesNothingIfThePrimaryNeverServed) {
  AsyncRequest request = Fail();
  const AsyncRequest second = Fail();
  Advance(absl::Seconds(5));
  const AsyncRequest third = Fail();
  Advance(absl::Seconds(5));
  ASSERT_TRUE(request.released());
  Report(1, false, 100);
  request.token()(Attempt::kSucceeded);
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(EvidenceRulesTest, AnOldPrimaryNeedsAHigherTermThanItReportedWhileItWasDown) {
  Report(1, true, 100);
  Report(1, false, 105);
  const AsyncRequest request = Request();
  Report(2, true, 105);  // E3
  PollAll();
  Report(2, false, 105);
  const AsyncRequest again = Request();
  ASSERT_EQ(Stats().state, State::kBuffering);
  Report(1, true, 105);
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(EvidenceRulesTest, AProbeThatProvesNothingDoesNotShortenThePatience) {
  BufferOptions options = ManualOptions();
  options.probe_after = absl::Milliseconds(10);
  Create(options);
  AsyncRequest first = Fail(MayProbe());
  AsyncRequest second = Fail(MayProbe());
  AsyncRequest third = Fail(MayProbe());
  Advance(absl::Milliseconds(10));
  Advance(absl::Seconds(1));  // The first probe counts no more, and the second is let go.
  ASSERT_TRUE(second.released());
  first.token()(Attempt::kRefused);  // Now nothing ends the hold for 50 ms.
  second.EndRetry();
  Advance(absl::Milliseconds(49));
  EXPECT_FALSE(third.released());
  Advance(absl::Milliseconds(1));
  EXPECT_TRUE(third.released());
}

TEST_F(EvidenceRulesTest, AProbeThatTellsItsRefusalIsFollowedAfterThePatience) {
  AsyncRequest probe = Fail(MayProbe());
  AsyncRequest second = Fail(MayProbe());
  Advance(absl::Seconds(1));
  ASSERT_TRUE(probe.released());
  probe.token()(Attempt::kRefused);
  Advance(absl::Milliseconds(50));
  EXPECT_TRUE(second.released());
}

TEST_F(EvidenceRulesTest, ARequestThatComesBackAfterShutdownIsCounted) {
  AsyncRequest request = Fail();
  buffer().StopBuffering(shard());
  PollAll();
  ASSERT_TRUE(request.released());
  buffer().Shutdown();
  EXPECT_FALSE(ComeBack(request));
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kShutdown), 1u);
}

TEST_F(EvidenceRulesTest, AnErrorThatIsNoFailoversMakesNoShardKnown) {
  const absl::StatusOr<RetryDoneFunc> passes =
      buffer().WaitForFailoverEnd({}, "ks", "new", Attempt::kFailed);
  ASSERT_TRUE(passes.ok());
  EXPECT_FALSE(buffer().GetShardStats("ks", "new").has_value());
}

TEST_F(EvidenceRulesTest, ACancelLetsTheNextGoWithItsWholeRetryTime) {
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  buffer().StopBuffering(shard());  // The first is released, and its callback has not run.
  clock_.Advance(absl::Seconds(19));
  ASSERT_TRUE(first.handle().Cancel());
  PollAll();
  ASSERT_TRUE(second.released());
  Advance(absl::Seconds(19));
  EXPECT_EQ(Stats().state, State::kDraining);
  EXPECT_EQ(Stats().retries_overdue, 0u);
}

TEST_F(EvidenceRulesTest, ARefusalThatCouldBeginNoHoldKeepsItsPatienceForTheNextHold) {
  const auto report_serving = [this] {
    TabletStats report = PrimaryReport(1, true, 100);
    report.observed_at = clock_.Now();
    buffer().StatsUpdate(report);
    PollAll();
  };
  report_serving();
  { const AsyncRequest begins = Fail(); }
  Advance(absl::Milliseconds(19'010));  // 0.99 s of the budget are left.
  AsyncRequest request = Request();
  report_serving();
  ASSERT_TRUE(request.released());
  request.token()(Attempt::kRefused);
  ASSERT_EQ(Stats().state, State::kIdle);
  ASSERT_EQ(Stats().starts, 1u);
  Advance(absl::Milliseconds(40));
  const AsyncRequest held = Fail();
  ASSERT_TRUE(held.held());
  Advance(absl::Milliseconds(5));
  report_serving();
  EXPECT_EQ(Stats().state, State::kBuffering);
  Advance(absl::Milliseconds(10));
  report_serving();
  EXPECT_EQ(Stats().state, State::kDraining);
}

}  // namespace
}  // namespace failover::test
