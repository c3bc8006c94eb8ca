// These tests cover requests that come back after their retry was refused: what they keep, what
// they take anew, and how they are counted (docs/design.md, "Held again").
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <utility>

#include "support/blocking_call.h"
#include "support/evidence_test.h"

namespace failover::test {
namespace {

class HeldAgainTest : public EvidenceTest {
 protected:
  void SetUp() override { Hear(1, true, 100); }

  // A request that failed, and that the probe after one second let go.
  AsyncRequest Probe(const RequestContext& context = Returning()) {
    AsyncRequest request = Fail(context);
    EXPECT_TRUE(request.held());
    Advance(absl::Seconds(1));
    EXPECT_TRUE(request.released());
    return request;
  }
  // A request that failed and may come back, with these bytes or this timeout.
  static RequestContext WithBytes(std::size_t bytes) {
    RequestContext context = Returning();
    context.bytes = bytes;
    return context;
  }
  static RequestContext WithTimeout(absl::Duration timeout) {
    RequestContext context = Returning();
    context.timeout = timeout;
    return context;
  }
};

// ---- What it keeps ------------------------------------------------------------------------------

TEST_F(HeldAgainTest, ItsPlace) {
  AsyncRequest first = FailReturning();
  AsyncRequest second = Fail();
  Advance(absl::Seconds(1));
  AsyncRequest again = Return(first);
  Hear(2, true, 200);
  ASSERT_TRUE(again.released());
  EXPECT_FALSE(second.done());
  again.EndRetry();
  PollAll();
  EXPECT_TRUE(second.released());
}

TEST_F(HeldAgainTest, ItsPlaceBetweenOthers) {
  AsyncRequest first = Fail();
  AsyncRequest second = FailReturning();
  AsyncRequest third = Fail();
  Advance(absl::Seconds(1));
  ASSERT_TRUE(second.released());
  AsyncRequest again = Return(second);
  Hear(2, true, 200);
  for (AsyncRequest* const next : {&first, &again, &third}) {
    ASSERT_TRUE(next->released());
    next->EndRetry();
    PollAll();
  }
}

TEST_F(HeldAgainTest, ItsSlot) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  AsyncRequest probe = Probe();
  EXPECT_EQ(buffer().Stats().slots_free, 0u);
  const AsyncRequest again = Return(probe);
  EXPECT_TRUE(again.held());
  EXPECT_EQ(buffer().Stats().slots_free, 0u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(HeldAgainTest, TheRestOfItsWindow) {
  AsyncRequest probe = Probe();
  Advance(absl::Milliseconds(500));
  Hear(1, false, 100);
  AsyncRequest again = Return(probe);
  Pass(absl::Milliseconds(8490));
  EXPECT_FALSE(again.done());
  Pass(absl::Milliseconds(10));
  ASSERT_TRUE(again.released());
  EXPECT_EQ(Evicted(EvictedReason::kWindowExceeded), 1u);
}

TEST_F(HeldAgainTest, ItsDeadlineIfThatIsEarlier) {
  AsyncRequest probe = Probe(WithTimeout(absl::Seconds(5)));
  Hear(1, false, 100);
  const AsyncRequest again = Return(probe, WithTimeout(absl::Seconds(9)));
  Advance(absl::Milliseconds(3999));
  EXPECT_FALSE(again.done());
  Advance(absl::Milliseconds(1));
  EXPECT_EQ(again.reason(), BufferErrorReason::kTimeout);
}

TEST_F(HeldAgainTest, ItsDeadlineThoughItNowHasNone) {
  AsyncRequest probe = Probe(WithTimeout(absl::Seconds(5)));
  Hear(1, false, 100);
  const AsyncRequest again = Return(probe, Returning());
  Advance(absl::Seconds(4));
  EXPECT_EQ(again.reason(), BufferErrorReason::kTimeout);
}

TEST_F(HeldAgainTest, ANewTimeoutIfThatIsEarlier) {
  AsyncRequest probe = Probe(WithTimeout(absl::Seconds(5)));
  Hear(1, false, 100);
  const AsyncRequest again = Return(probe, WithTimeout(absl::Seconds(2)));
  Advance(absl::Seconds(2));
  EXPECT_EQ(again.reason(), BufferErrorReason::kTimeout);
}

TEST_F(HeldAgainTest, ATimeoutThatIsOverRefusesItAndFreesTheSlot) {
  AsyncRequest probe = Probe(WithTimeout(absl::Seconds(5)));
  Advance(absl::Seconds(4));
  const AsyncRequest again = Return(probe);
  ASSERT_TRUE(again.refused());
  EXPECT_EQ(ReasonOf(again.refusal()), BufferErrorReason::kTimeout);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

// ---- Bytes are taken anew
// -------------------------------------------------------------------------

TEST_F(HeldAgainTest, ItTakesItsBytesAnew) {
  AsyncRequest probe = Probe(WithBytes(70));
  EXPECT_EQ(buffer().Stats().bytes_held, 0u);
  const AsyncRequest again = Return(probe, WithBytes(30));
  EXPECT_EQ(buffer().Stats().bytes_held, 30u);
}

TEST_F(HeldAgainTest, WithoutRoomForItsBytesItIsRefusedAndEvictsNobody) {
  BufferOptions options = ManualOptions();
  options.max_bytes = 100;
  Create(options);
  AsyncRequest probe = Probe(WithBytes(70));
  const AsyncRequest other = Fail(WithBytes(60));
  ASSERT_TRUE(other.held());
  const AsyncRequest again = Return(probe, WithBytes(70));
  ASSERT_TRUE(again.refused());
  EXPECT_EQ(ReasonOf(again.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_FALSE(other.done());
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
}

// ---- After the window
// -----------------------------------------------------------------------------

TEST_F(HeldAgainTest, AfterItsWindowItIsRefusedAndNotCounted) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  ASSERT_TRUE(request.released());
  const ShardStats before = Stats();
  const AsyncRequest again = Return(request);
  ASSERT_TRUE(again.refused());
  EXPECT_EQ(ReasonOf(again.refusal()), BufferErrorReason::kWindowOver);
  EXPECT_EQ(again.refusal().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().requests_buffered, before.requests_buffered);
  EXPECT_EQ(Stats().requests_held_again, 0u);
  EXPECT_EQ(Sum(Stats().requests_skipped), Sum(before.requests_skipped));
  EXPECT_EQ(Sum(Stats().requests_evicted), Sum(before.requests_evicted));
}

TEST_F(HeldAgainTest, JustBeforeTheEndOfItsWindowItIsHeld) {
  AsyncRequest probe = Probe();
  Advance(absl::Seconds(9) - absl::Nanoseconds(1));
  const AsyncRequest again = Return(probe);
  EXPECT_TRUE(again.held());
}

// ---- What is no refusal
// ----------------------------------------------------------------------------

TEST_F(HeldAgainTest, AnotherErrorEndsTheTokenAndPasses) {
  AsyncRequest probe = Probe();
  const AsyncRequest passes(buffer(), shard(),
                            LastAttempt(OtherError()).After(std::move(probe.token())), {});
  EXPECT_TRUE(passes.passed());
  EXPECT_EQ(Stats().requests_retrying, 0u);
  EXPECT_EQ(Stats().retries_failed, 1u);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(HeldAgainTest, ASuccessEndsTheTokenAndTheHold) {
  AsyncRequest probe = Probe();
  const AsyncRequest passes(buffer(), shard(),
                            LastAttempt(Attempt::kSucceeded).After(std::move(probe.token())), {});
  EXPECT_TRUE(passes.passed());
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(HeldAgainTest, AnEmptyTokenChangesNothing) {
  const AsyncRequest held(buffer(), shard(), LastAttempt(Attempt::kRefused).After(RetryDoneFunc()),
                          {});
  EXPECT_TRUE(held.held());
  EXPECT_EQ(Stats().requests_held_again, 0u);
}

// ---- A token of another shard
// ------------------------------------------------------------------------

TEST_F(HeldAgainTest, ATokenOfAnotherShardIsEndedAndTheRequestIsNew) {
  AsyncRequest probe = Probe();
  const AsyncRequest other(buffer(), Shard("1"),
                           LastAttempt(Attempt::kRefused).After(std::move(probe.token())),
                           Returning());
  EXPECT_TRUE(other.held());
  EXPECT_EQ(Stats("0").requests_retrying, 0u);
  EXPECT_EQ(Stats("1").requests_held_again, 0u);
  EXPECT_EQ(Stats("1").requests_held, 1u);
}

TEST_F(HeldAgainTest, BugOtherShard_ASuccessElsewhereProvesNothingHere) {
  AsyncRequest probe = Probe();
  const AsyncRequest other(buffer(), Shard("1"),
                           LastAttempt(Attempt::kSucceeded).After(std::move(probe.token())), {});
  EXPECT_TRUE(other.passed());
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(HeldAgainTest, BugOtherShard_ARefusalElsewhereBeginsNothingHere) {
  AsyncRequest request = Fail();
  Hear(2, true, 200);
  ASSERT_TRUE(request.released());
  const AsyncRequest other(buffer(), Shard("1"),
                           LastAttempt(Attempt::kRefused).After(std::move(request.token())), {});
  EXPECT_TRUE(other.held());
  EXPECT_EQ(state(), State::kIdle);
}

// ---- Counters
// ---------------------------------------------------------------------------------------

TEST_F(HeldAgainTest, ItCountsInBufferedToo) {
  AsyncRequest probe = Probe();
  AsyncRequest again = Return(probe);
  EXPECT_EQ(Stats().requests_buffered, 2u);
  EXPECT_EQ(Stats().requests_held_again, 1u);
  EXPECT_EQ(Stats().requests_drained, 1u);
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_EQ(Stats().retries_failed, 1u);
}

TEST_F(HeldAgainTest, ACancelFreesAllThatItTook) {
  AsyncRequest probe = Probe(WithBytes(10));
  AsyncRequest again = Return(probe, WithBytes(10));
  EXPECT_TRUE(again.handle().Cancel());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(buffer().Stats().bytes_held, 0u);
}

TEST_F(HeldAgainTest, AfterAShutdownItPasses) {
  AsyncRequest probe = Probe();
  buffer().Shutdown();
  EXPECT_TRUE(Return(probe).passed());
}

TEST_F(HeldAgainTest, ANewRequestEvictsItAsTheOldest) {
  BufferOptions options = ManualOptions();
  options.size = 2;
  Create(options);
  AsyncRequest probe = Probe();
  const AsyncRequest again = Return(probe);
  const AsyncRequest second = Fail();
  const AsyncRequest third = Fail();
  PollAll();
  EXPECT_EQ(again.reason(), BufferErrorReason::kEvicted);
  EXPECT_FALSE(second.done());
}

// ---- The blocking call
// ------------------------------------------------------------------------------

TEST_F(HeldAgainTest, TheBlockingCallTakesTheTokenToo) {
  Signal wakeup;
  BufferOptions options = ManualOptions();
  options.wakeup = [&wakeup] { wakeup.Give(); };
  Create(options);
  AsyncRequest probe = Probe();
  RetryDoneFunc token = std::move(probe.token());
  BlockingCall again(wakeup, [&] {
    return buffer().WaitForFailoverEnd(Returning(), shard(), FailoverError(), std::move(token));
  });
  EXPECT_EQ(Stats().requests_held_again, 1u);
  Hear(2, true, 200);
  ASSERT_TRUE(again.result().ok());
  EXPECT_EQ((*again.result()).released_by(), StopReason::kNewPrimarySeen);
  (*again.result())(Attempt::kSucceeded);
}

TEST_F(HeldAgainTest, TheBlockingCallIsRefusedAfterTheWindow) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  const absl::StatusOr<RetryDoneFunc> again =
      buffer().WaitForFailoverEnd({}, shard(), Attempt::kRefused, std::move(request.token()));
  EXPECT_EQ(ReasonOf(again.status()), BufferErrorReason::kWindowOver);
}

TEST_F(HeldAgainTest, TheCallByNameTakesTheTokenToo) {
  AsyncRequest probe = Probe();
  absl::StatusOr<BufferedRequest> again = buffer().WaitForFailoverEndAsync(
      Returning(), "ks", "0", LastAttempt(FailoverError()).After(std::move(probe.token())),
      [](absl::StatusOr<RetryDoneFunc>) {});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(*again);
  EXPECT_EQ(Stats().requests_held_again, 1u);
}

}  // namespace
}  // namespace failover::test
