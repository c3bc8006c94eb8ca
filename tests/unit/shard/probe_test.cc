// These tests cover the probes of a shard that holds, and the patience after a retry that was
// refused (docs/design.md, "Probes" and "Patience").
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kMilli = absl::Milliseconds(1);

class ProbeTest : public EvidenceTest {
 protected:
  // How long it takes until the request is let go.
  absl::Duration TimeUntilReleased(const AsyncRequest& request) {
    absl::Duration passed;
    while (!request.released() && passed < absl::Seconds(5)) {
      Advance(absl::Milliseconds(10));
      passed += absl::Milliseconds(10);
    }
    return passed;
  }
  void SetUp() override { Hear(1, true, 100); }
};

TEST_F(ProbeTest, TheFirstGoesAfterOneSecond) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1) - kMilli);
  EXPECT_FALSE(request.done());
  Advance(kMilli);
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), std::nullopt);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(ProbeTest, TheTimeIsAnOption) {
  BufferOptions options = ManualOptions();
  options.probe_after = absl::Milliseconds(300);
  Create(options);
  const AsyncRequest request = FailReturning();
  Advance(absl::Milliseconds(300));
  EXPECT_TRUE(request.released());
}

TEST_F(ProbeTest, TheTimeCountsFromTheBeginOfTheHold) {
  const AsyncRequest begins = Fail();
  Advance(absl::Milliseconds(900));
  const AsyncRequest request = FailReturning();
  Advance(absl::Milliseconds(100));
  EXPECT_TRUE(request.released());
  EXPECT_FALSE(begins.done());
}

TEST_F(ProbeTest, ARequestThatComesLaterGoesAtOnce) {
  const AsyncRequest begins = Fail();
  Advance(absl::Seconds(3));
  const AsyncRequest request = FailReturning();
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(ProbeTest, OnlyARefusedRequestThatMayComeBackGoes) {
  const AsyncRequest fails = Fail();
  const AsyncRequest waits = Request(Returning());
  const AsyncRequest at_connect = FailAtConnect(Returning());
  Advance(absl::Seconds(1));
  EXPECT_FALSE(fails.done());
  EXPECT_FALSE(waits.done());
  EXPECT_TRUE(at_connect.released());
}

TEST_F(ProbeTest, NoneGoesWhileThePrimaryIsDown) {
  AsyncRequest request = FailReturning();
  Hear(1, false, 100);
  Pass(absl::Seconds(9), absl::Milliseconds(100));
  EXPECT_FALSE(request.done());
}

TEST_F(ProbeTest, NoneGoesInAnOperatorsHold) {
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  const AsyncRequest request = FailReturning();
  Pass(absl::Seconds(9), absl::Milliseconds(100));
  EXPECT_FALSE(request.done());
}

TEST_F(ProbeTest, OneAtATimeInTheOrderOfArrival) {
  AsyncRequest first = FailReturning();
  const AsyncRequest second = FailReturning();
  Advance(absl::Seconds(1));
  EXPECT_TRUE(first.released());
  EXPECT_FALSE(second.done());
  Pass(absl::Milliseconds(900), absl::Milliseconds(100));
  EXPECT_FALSE(second.done());
}

TEST_F(ProbeTest, OneWithoutAnOutcomeCountsNoMoreAfterOneSecond) {
  AsyncRequest first = FailReturning();
  const AsyncRequest second = FailReturning();
  Advance(absl::Seconds(1));
  ASSERT_TRUE(first.released());
  Advance(absl::Seconds(1) - kMilli);
  EXPECT_FALSE(second.done());
  Advance(kMilli);
  EXPECT_TRUE(second.released());
}

TEST_F(ProbeTest, ASuccessEndsTheHold) {
  AsyncRequest request = FailReturning();
  AsyncRequest waits = Request();
  Advance(absl::Seconds(1));
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  EXPECT_TRUE(waits.released());
}

TEST_F(ProbeTest, ASuccessOfOneThatWasRefusedAtConnectProvesNothing) {
  AsyncRequest request = FailAtConnect(Returning());
  const AsyncRequest next = FailReturning();
  Advance(absl::Seconds(1));
  ASSERT_TRUE(request.released());
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
  Advance(absl::Seconds(1) - kMilli);
  EXPECT_FALSE(next.done());
  Advance(kMilli);
  EXPECT_TRUE(next.released());
}

TEST_F(ProbeTest, ItCountsAsDrained) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  EXPECT_EQ(Stats().requests_drained, 1u);
  EXPECT_EQ(Sum(Stats().requests_evicted), 0u);
  EXPECT_EQ(Stats().requests_retrying, 1u);
}

TEST_F(ProbeTest, TheNextIsTheOneThatWasLetGoLeastRecently) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(FailReturning());
  for (int round = 0; round < 6; ++round) {
    Pass(absl::Seconds(1));
    AsyncRequest& next = requests[static_cast<std::size_t>(round % 3)];
    ASSERT_TRUE(next.released()) << "round " << round;
    AsyncRequest again = Return(next);
    ASSERT_TRUE(again.held());
    next = std::move(again);
  }
}

TEST_F(ProbeTest, AtOneInstantATimeoutComesBeforeTheProbe) {
  RequestContext context = Returning();
  context.timeout = absl::Seconds(1);
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(1));
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
}

TEST_F(ProbeTest, AtOneInstantAWindowComesBeforeTheProbe) {
  BufferOptions options = ManualOptions();
  options.probe_after = options.window;
  Create(options);
  const AsyncRequest request = FailReturning();
  Advance(options.window);
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Evicted(EvictedReason::kWindowExceeded), 1u);
  EXPECT_EQ(Stats().requests_drained, 0u);
}

TEST_F(ProbeTest, AtOneInstantTheProbeComesBeforeTheLongestDuration) {
  BufferOptions options = ManualOptions();
  options.probe_after = options.max_failover_duration;
  Create(options);
  const AsyncRequest begins = Fail();
  Pass(absl::Seconds(15), absl::Seconds(1));
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(5));
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), std::nullopt);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(ProbeTest, ACancelledProbeMakesRoomForTheNext) {
  AsyncRequest first = FailReturning();
  const AsyncRequest second = FailReturning();
  clock_.Advance(absl::Seconds(1));
  PollAll();
  ASSERT_TRUE(first.released());
  first.EndRetry();
  Advance(absl::Seconds(1));
  EXPECT_TRUE(second.released());
}

// ---- Patience -----------------------------------------------------------------------------------

TEST_F(ProbeTest, AfterEachRefusalTheNextWaitsTwiceAsLong) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  for (const int milliseconds : {50, 100, 200, 400, 800, 1000, 1000}) {
    ASSERT_TRUE(request.released());
    AsyncRequest again = Return(request);
    ASSERT_TRUE(again.held());
    EXPECT_EQ(TimeUntilReleased(again), absl::Milliseconds(milliseconds));
    request = std::move(again);
  }
}

TEST_F(ProbeTest, BugTold_AlsoIfTheRefusalIsTold) {
  AsyncRequest request = FailReturning();
  const AsyncRequest next = FailReturning();
  Advance(absl::Seconds(1));
  Tell(request, Attempt::kRefused);
  EXPECT_EQ(TimeUntilReleased(next), absl::Milliseconds(50));
}

TEST_F(ProbeTest, ASuccessEndsThePatience) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  for (int i = 0; i < 4; ++i) {
    AsyncRequest again = Return(request);
    TimeUntilReleased(again);
    request = std::move(again);
  }
  Tell(request, Attempt::kSucceeded);
  ASSERT_EQ(state(), State::kIdle);
  request = FailReturning();
  Advance(absl::Seconds(1));
  const AsyncRequest again = Return(request);
  EXPECT_EQ(TimeUntilReleased(again), absl::Milliseconds(50));
}

TEST_F(ProbeTest, ThePatienceOutlivesAHold) {
  AsyncRequest request = FailReturning();
  Hear(2, true, 200);
  AsyncRequest again = Return(request);
  ASSERT_EQ(state(), State::kBuffering);
  Hear(3, true, 300);
  ASSERT_TRUE(again.released());
  const AsyncRequest third = Return(again);
  ASSERT_EQ(state(), State::kBuffering);
  EXPECT_EQ(TimeUntilReleased(third), absl::Milliseconds(100));
}

TEST_F(ProbeTest, NoServingReportEndsTheHoldInThatTime) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  AsyncRequest again = Return(request);
  Advance(absl::Milliseconds(49));
  HearObserved(1, true, 100, absl::ZeroDuration());
  EXPECT_EQ(state(), State::kBuffering);
  Advance(absl::Milliseconds(1));
  HearObserved(1, true, 100, kMilli);
  EXPECT_EQ(state(), State::kBuffering) << "it was observed before";
}

TEST_F(ProbeTest, AServingReportThatWasObservedAfterwardsEndsIt) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(request, Attempt::kRefused);
  Advance(absl::Milliseconds(51));
  HearObserved(1, true, 100, absl::ZeroDuration());
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 1u);
}

TEST_F(ProbeTest, AnotherPrimaryEndsItAtOnce) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  AsyncRequest again = Return(request);
  Hear(2, true, 200);
  EXPECT_TRUE(again.released());
}

// The health check tells changes only, so nothing else would ever end the hold.
TEST_F(ProbeTest, BugStuck_APrimaryThatCameBackInThatTimeEndsTheHoldAfterwards) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  AsyncRequest waits = Request();
  Tell(request, Attempt::kRefused);
  Hear(1, false, 100);
  Advance(absl::Milliseconds(10));
  Hear(1, true, 100);
  EXPECT_FALSE(waits.done());
  Advance(absl::Milliseconds(40));
  EXPECT_TRUE(waits.released());
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 1u);
}

// A feed that says "serving" every 10 ms while writes are refused.
TEST_F(ProbeTest, AFeedThatIsWrongMakesFewHolds) {
  AsyncRequest request = FailReturning();
  std::uint64_t returns = 0;
  for (int i = 0; i < 500; ++i) {
    Advance(absl::Milliseconds(10));
    HearObserved(1, true, 100, absl::ZeroDuration());
    if (!request.released()) continue;
    AsyncRequest again = Return(request);
    if (!again.held()) break;
    request = std::move(again);
    ++returns;
  }
  EXPECT_GE(returns, 5u);
  EXPECT_LE(returns, 12u) << "in 5 s";
}

}  // namespace
}  // namespace failover::test
