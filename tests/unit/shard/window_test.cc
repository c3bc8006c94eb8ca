// These tests cover how long a request is held: until its window or its caller's own timeout is
// over, whichever comes first.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(10);
constexpr absl::Duration kTick = absl::Nanoseconds(1);

RequestContext Timeout(absl::Duration timeout) {
  RequestContext context;
  context.timeout = timeout;
  return context;
}

class WindowTest : public BufferTest {
 protected:
  std::uint64_t Evicted(EvictedReason reason) { return At(Stats().requests_evicted, reason); }
};

TEST_F(WindowTest, JustBeforeItsEndARequestIsHeld) {
  const AsyncRequest request = Fail();
  Advance(kWindow - kTick);
  EXPECT_FALSE(request.done());
}

TEST_F(WindowTest, ExactlyAtItsEndARequestIsReleasedForARetry) {
  AsyncRequest request = Fail();
  Advance(kWindow);
  ASSERT_TRUE(request.released());
  EXPECT_TRUE(request.token());
  EXPECT_EQ(request.released_by(), std::nullopt);
  EXPECT_EQ(Evicted(EvictedReason::kWindowExceeded), 1u);
}

TEST_F(WindowTest, TheFailoverGoesOn) {
  const AsyncRequest request = Fail();
  Advance(kWindow);
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Sum(Stats().stops), 0u);
}

TEST_F(WindowTest, EachRequestHasItsOwn) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(3));
  const AsyncRequest second = Request();
  Advance(kWindow - absl::Seconds(3));
  EXPECT_TRUE(first.released());
  EXPECT_FALSE(second.done());
  Advance(absl::Seconds(3));
  EXPECT_TRUE(second.released());
}

TEST_F(WindowTest, TheSlotIsTakenUntilTheRetryHasEnded) {
  AsyncRequest request = Fail();
  Advance(kWindow);
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  EXPECT_EQ(Stats().requests_retrying, 1u);
  request.EndRetry();
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(WindowTest, ItIsAnOption) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(2);
  Create(options);
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(2) - kTick);
  EXPECT_FALSE(request.done());
  Advance(kTick);
  EXPECT_TRUE(request.released());
}

// ---- The caller's own timeout ------------------------------------------------------------------

TEST_F(WindowTest, AShorterTimeoutFailsTheRequestExactlyThen) {
  const AsyncRequest request = Fail(Timeout(absl::Seconds(4)));
  Advance(absl::Seconds(4) - kTick);
  EXPECT_FALSE(request.done());
  Advance(kTick);
  ASSERT_TRUE(request.done());
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
  EXPECT_EQ(request.error().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Evicted(EvictedReason::kContextDone), 1u);
}

TEST_F(WindowTest, ATimeoutFreesTheSlotAtOnce) {
  const AsyncRequest request = Fail(Timeout(absl::Seconds(4)));
  Advance(absl::Seconds(4));
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(WindowTest, ATimeoutEqualToTheWindowWins) {
  const AsyncRequest request = Fail(Timeout(kWindow));
  Advance(kWindow);
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
  EXPECT_EQ(Evicted(EvictedReason::kWindowExceeded), 0u);
}

TEST_F(WindowTest, ATimeoutLongerThanTheWindowDoesNotMatter) {
  const AsyncRequest request = Fail(Timeout(kWindow + kTick));
  Advance(kWindow);
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Evicted(EvictedReason::kContextDone), 0u);
}

TEST_F(WindowTest, TimeoutsEndInTheirOwnOrder) {
  const AsyncRequest first = Fail(Timeout(absl::Seconds(6)));
  const AsyncRequest second = Request(Timeout(absl::Seconds(2)));
  const AsyncRequest third = Request(Timeout(absl::Seconds(4)));
  const AsyncRequest fourth = Request();
  Advance(absl::Seconds(2));
  EXPECT_TRUE(second.done());
  EXPECT_FALSE(third.done());
  Advance(absl::Seconds(2));
  EXPECT_TRUE(third.done());
  EXPECT_FALSE(first.done());
  Advance(absl::Seconds(2));
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(fourth.done());
}

TEST_F(WindowTest, ATimeoutCountsFromTheCall) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(5));
  const AsyncRequest second = Request(Timeout(absl::Seconds(1)));
  EXPECT_FALSE(second.done());
  Advance(absl::Seconds(1));
  EXPECT_EQ(second.reason(), BufferErrorReason::kTimeout);
}

TEST_F(WindowTest, AReleasedRequestHasNoTimeoutAnyMore) {
  AsyncRequest request = Fail(Timeout(absl::Seconds(4)));
  EndFailover();
  ASSERT_TRUE(request.released());
  Advance(absl::Seconds(4));
  EXPECT_EQ(request.runs(), 1);
  EXPECT_EQ(Evicted(EvictedReason::kContextDone), 0u);
}

// ---- A timeout that is over already ------------------------------------------------------------

TEST_F(WindowTest, ItPassesIfItNeedNotBeHeld) {
  EXPECT_TRUE(Request(Timeout(absl::ZeroDuration())).passed());
  EXPECT_TRUE(Request(Timeout(-absl::InfiniteDuration())).passed());
}

TEST_F(WindowTest, ItIsRefusedAtOnceAndUncountedIfItWouldBeHeld) {
  const AsyncRequest held = Fail();
  for (const absl::Duration over :
       {absl::ZeroDuration(), -kTick, absl::Seconds(-5), -absl::InfiniteDuration()}) {
    const AsyncRequest request = Request(Timeout(over));
    ASSERT_TRUE(request.refused());
    EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kTimeout);
    EXPECT_EQ(request.refusal().code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(request.callback_destroyed());
  }
  EXPECT_EQ(Stats().requests_buffered, 1u);
  EXPECT_EQ(Sum(Stats().requests_evicted), 0u);
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(WindowTest, ItStillStartsBufferingIfAFailoverMadeItFail) {
  EXPECT_TRUE(Fail(Timeout(absl::ZeroDuration())).refused());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(WindowTest, TheShortestTimeoutIsHeld) {
  const AsyncRequest request = Fail(Timeout(kTick));
  EXPECT_TRUE(request.held());
  Advance(kTick);
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
}

}  // namespace
}  // namespace failover::test
