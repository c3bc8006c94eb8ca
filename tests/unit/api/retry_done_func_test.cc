// These tests cover the token of a released request, RetryDoneFunc.
#include <gtest/gtest.h>

#include <optional>
#include <type_traits>
#include <utility>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class RetryDoneFuncTest : public BufferTest {
 protected:
  // Returns the token of a request that was held and then released.
  RetryDoneFunc Token() {
    AsyncRequest request = Fail();
    EXPECT_TRUE(buffer().StopBuffering(shard()));
    PollAll();
    return std::move(request.token());
  }
  std::uint64_t Retrying() { return Stats().requests_retrying; }
};

TEST_F(RetryDoneFuncTest, AnEmptyOneWasNotBufferedAndCanBeCalled) {
  RetryDoneFunc token;
  EXPECT_FALSE(token);
  EXPECT_EQ(token.released_by(), std::nullopt);
  token();
  token(absl::OkStatus());
}

TEST_F(RetryDoneFuncTest, ItIsMoveOnly) {
  EXPECT_FALSE(std::is_copy_constructible_v<RetryDoneFunc>);
  EXPECT_FALSE(std::is_copy_assignable_v<RetryDoneFunc>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<RetryDoneFunc>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<RetryDoneFunc>);
}

TEST_F(RetryDoneFuncTest, ACallEndsTheRetry) {
  RetryDoneFunc token = Token();
  EXPECT_TRUE(token);
  EXPECT_EQ(Retrying(), 1u);
  token();
  EXPECT_EQ(Retrying(), 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(RetryDoneFuncTest, AfterTheCallItStillSaysWhatItWas) {
  RetryDoneFunc token = Token();
  token();
  EXPECT_TRUE(token);
  EXPECT_EQ(token.released_by(), StopReason::kManual);
}

TEST_F(RetryDoneFuncTest, FurtherCallsDoNothing) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  AsyncRequest third = Request();
  EndFailover();
  first.token()(absl::OkStatus());
  first.token()();
  first.token()(FailoverError());
  PollAll();
  EXPECT_TRUE(second.released());
  EXPECT_FALSE(third.done());
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  EXPECT_EQ(Stats().retries_failed, 0u);
}

TEST_F(RetryDoneFuncTest, ItsDestructorEndsTheRetry) {
  { const RetryDoneFunc token = Token(); }
  EXPECT_EQ(Retrying(), 0u);
}

TEST_F(RetryDoneFuncTest, ItsDestructorTellsNoOutcome) {
  { const RetryDoneFunc token = Token(); }
  EXPECT_EQ(Stats().retries_succeeded + Stats().retries_failed, 0u);
}

TEST_F(RetryDoneFuncTest, AnOutcomeThatIsOkSucceeded) {
  Token()(absl::OkStatus());
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(RetryDoneFuncTest, AnyOtherOutcomeFailed) {
  Token()(OtherError());
  EXPECT_EQ(Stats().retries_failed, 1u);
}

TEST_F(RetryDoneFuncTest, AMoveTakesEverythingAlong) {
  RetryDoneFunc token = Token();
  RetryDoneFunc moved = std::move(token);
  EXPECT_TRUE(moved);
  EXPECT_EQ(moved.released_by(), StopReason::kManual);
  EXPECT_EQ(Retrying(), 1u);
  moved();
  EXPECT_EQ(Retrying(), 0u);
}

TEST_F(RetryDoneFuncTest, WhatWasMovedFromIsEmpty) {
  RetryDoneFunc token = Token();
  const RetryDoneFunc moved = std::move(token);
  EXPECT_FALSE(token);  // NOLINT(bugprone-use-after-move): it is the point
  token();
  EXPECT_EQ(Retrying(), 1u);
}

TEST_F(RetryDoneFuncTest, AnAssignmentEndsTheFirstRetry) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 2;
  Create(options);
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  EndFailover();
  RetryDoneFunc token = std::move(first.token());
  EXPECT_EQ(Retrying(), 2u);
  token = std::move(second.token());
  EXPECT_TRUE(token);
  EXPECT_EQ(Retrying(), 1u);
  token();
  EXPECT_EQ(Retrying(), 0u);
}

TEST_F(RetryDoneFuncTest, AnAssignmentToItselfDoesNothing) {
  RetryDoneFunc token = Token();
  RetryDoneFunc& itself = token;
  token = std::move(itself);
  EXPECT_TRUE(token);
  EXPECT_EQ(Retrying(), 1u);
}

TEST_F(RetryDoneFuncTest, AssigningAnEmptyOneEndsTheRetry) {
  RetryDoneFunc token = Token();
  token = RetryDoneFunc();
  EXPECT_FALSE(token);
  EXPECT_EQ(Retrying(), 0u);
}

// ---- Why the request was released --------------------------------------------------------------

TEST_F(RetryDoneFuncTest, ItKnowsEveryReasonForWhichARequestIsReleased) {
  const auto event = [this](bool serving, MoveTablesState moving) {
    buffer().HandleKeyspaceEvent(
        {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, serving}}, moving});
  };
  const auto released_by = [this](const auto& end) {
    AdvanceBeyondGuards();
    AsyncRequest request = Fail();
    end();
    PollAll();
    return request.released_by();
  };
  EXPECT_EQ(released_by([this] { Report(1, true, 1); }), StopReason::kNewPrimarySeen);
  EXPECT_EQ(released_by([this] {
              Report(1, false, 1);
              Report(1, true, 1);
            }),
            StopReason::kPrimaryServingAgain);
  EXPECT_EQ(released_by([&] { event(true, MoveTablesState::kSwitched); }),
            StopReason::kMoveTablesSwitchedTraffic);
  EXPECT_EQ(released_by([this] { buffer().StopBuffering(shard()); }), StopReason::kManual);
  EXPECT_EQ(released_by([this] { clock_.Advance(absl::Seconds(10)); }), std::nullopt);
}

TEST_F(RetryDoneFuncTest, ItKnowsTheLongestDuration) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(15));
  AsyncRequest request = Request();
  Advance(absl::Seconds(5));
  EXPECT_EQ(request.released_by(), StopReason::kMaxDurationExceeded);
}

TEST_F(RetryDoneFuncTest, ItKnowsShutdown) {
  AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_EQ(request.released_by(), StopReason::kShutdown);
}

// ---- Use after the Buffer is gone ---------------------------------------------------------------

TEST_F(RetryDoneFuncTest, ItIsHarmlessAfterShutdown) {
  RetryDoneFunc token = Token();
  buffer().Shutdown();
  EXPECT_EQ(Retrying(), 0u);
  token(absl::OkStatus());
  EXPECT_TRUE(token);
  EXPECT_EQ(Retrying(), 0u);
  EXPECT_EQ(Stats().retries_succeeded, 0u);
}

TEST_F(RetryDoneFuncTest, ItIsHarmlessAfterTheBufferIsGone) {
  RetryDoneFunc dropped;
  RetryDoneFunc called = Token();
  called();
  AdvanceBeyondGuards();
  dropped = Token();
  Destroy();
  EXPECT_TRUE(dropped);
  EXPECT_EQ(dropped.released_by(), StopReason::kManual);
  called(absl::OkStatus());
}

TEST_F(RetryDoneFuncTest, ItOutlivesTheBufferAndItsClock) {
  RetryDoneFunc token;
  {
    SimulatedClock clock;
    BufferOptions options = ManualOptions();
    options.clock = &clock;
    Create(options);
    token = Token();
    Destroy();
  }
  token(absl::OkStatus());
}

}  // namespace
}  // namespace failover::test
