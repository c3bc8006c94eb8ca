// These tests cover the blocking call and what ends it early.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "support/blocking_call.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class BlockingWaitTest : public BufferTest {
 protected:
  BlockingWaitTest() { Create(Options()); }

  BufferOptions Options() {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] { wakeup_.Give(); };
    return options;
  }

  // Starts a thread whose call is held when this function returns. Each call has a shorter timeout
  // than the call before it; the comment at BlockingCall gives the reason.
  std::unique_ptr<BlockingCall> Block(Cancellation* cancellation = nullptr) {
    RequestContext context;
    context.timeout = next_timeout_;
    context.cancellation = cancellation;
    next_timeout_ -= absl::Seconds(2);
    return std::make_unique<BlockingCall>(wakeup_, [this, context] {
      return buffer().WaitForFailoverEnd(context, shard(), FailoverError());
    });
  }

  Signal wakeup_;
  absl::Duration next_timeout_ = absl::Seconds(11);
};

TEST_F(BlockingWaitTest, WhatNeedNotBeHeldPassesWithAnEmptyToken) {
  for (const absl::Status& error : {absl::OkStatus(), OtherError()}) {
    const absl::StatusOr<RetryDoneFunc> by_handle = buffer().WaitForFailoverEnd({}, shard(), error);
    ASSERT_TRUE(by_handle.ok());
    EXPECT_FALSE(*by_handle);
    const absl::StatusOr<RetryDoneFunc> by_name = buffer().WaitForFailoverEnd({}, "ks", "0", error);
    ASSERT_TRUE(by_name.ok());
    EXPECT_FALSE(*by_name);
  }
}

TEST_F(BlockingWaitTest, ItReturnsWithTheRightToRetry) {
  const std::unique_ptr<BlockingCall> call = Block();
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_FALSE(call->returned());
  Report(1, true, 1);
  ASSERT_TRUE(call->result().ok());
  RetryDoneFunc& token = *call->result();
  EXPECT_TRUE(token);
  EXPECT_EQ(token.released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(Stats().requests_retrying, 1u);
  token(absl::OkStatus());
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(BlockingWaitTest, ItIsWokenByTheReportWithoutPoll) {
  const std::unique_ptr<BlockingCall> call = Block();
  Report(1, true, 1);
  EXPECT_TRUE(call->result().ok());
}

TEST_F(BlockingWaitTest, PollEndsItsWindow) {
  const std::unique_ptr<BlockingCall> call = Block();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(call->result().ok());
  EXPECT_EQ(call->result()->released_by(), std::nullopt);
}

TEST_F(BlockingWaitTest, PollEndsItsTimeout) {
  const std::unique_ptr<BlockingCall> first = Block();
  const std::unique_ptr<BlockingCall> second = Block();
  Advance(absl::Seconds(10));
  EXPECT_EQ(ReasonOf(second->result().status()), BufferErrorReason::kTimeout);
  EXPECT_TRUE(first->result().ok());
}

TEST_F(BlockingWaitTest, ThreadsAndCallbacksStandInOneQueue) {
  const std::unique_ptr<BlockingCall> first = Block();
  AsyncRequest second = Request();
  const std::unique_ptr<BlockingCall> third = Block();
  EndFailover();
  ASSERT_TRUE(first->result().ok());
  EXPECT_FALSE(second.done());
  (*first->result())();
  PollAll();
  ASSERT_TRUE(second.released());
  EXPECT_FALSE(third->returned());
  second.EndRetry();
  EXPECT_TRUE(third->result().ok());
}

TEST_F(BlockingWaitTest, ANewerRequestEvictsIt) {
  BufferOptions options = Options();
  options.size = 1;
  Create(options);
  const std::unique_ptr<BlockingCall> call = Block();
  const AsyncRequest newer = Request();
  EXPECT_EQ(ReasonOf(call->result().status()), BufferErrorReason::kEvicted);
}

TEST_F(BlockingWaitTest, AShardThatIsGoneFailsIt) {
  const std::unique_ptr<BlockingCall> call = Block();
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  EXPECT_EQ(ReasonOf(call->result().status()), BufferErrorReason::kShardMissing);
}

// ---- Cancellation ------------------------------------------------------------------------------

TEST_F(BlockingWaitTest, ACancellationEndsItWithoutPoll) {
  Cancellation cancellation;
  const std::unique_ptr<BlockingCall> call = Block(&cancellation);
  EXPECT_FALSE(cancellation.cancelled());
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(call->result().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ReasonOf(call->result().status()), BufferErrorReason::kCancelled);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(BlockingWaitTest, OneCancellationEndsAllCallsThatItWasGivenTo) {
  Cancellation cancellation;
  const std::unique_ptr<BlockingCall> first = Block(&cancellation);
  const std::unique_ptr<BlockingCall> second = Block(&cancellation);
  const std::unique_ptr<BlockingCall> other = Block();
  cancellation.Cancel();
  EXPECT_EQ(ReasonOf(first->result().status()), BufferErrorReason::kCancelled);
  EXPECT_EQ(ReasonOf(second->result().status()), BufferErrorReason::kCancelled);
  EXPECT_FALSE(other->returned());
  buffer().StopBuffering(shard());
  EXPECT_TRUE(other->result().ok());
}

TEST_F(BlockingWaitTest, ACancellationIsForGood) {
  Cancellation cancellation;
  cancellation.Cancel();
  cancellation.Cancel();
  RequestContext context;
  context.cancellation = &cancellation;
  EXPECT_TRUE(buffer().WaitForFailoverEnd(context, shard(), absl::OkStatus()).ok());
  EXPECT_EQ(ReasonOf(buffer().WaitForFailoverEnd(context, shard(), FailoverError()).status()),
            BufferErrorReason::kCancelled);
  EXPECT_EQ(ReasonOf(buffer().WaitForFailoverEnd(context, shard(), absl::OkStatus()).status()),
            BufferErrorReason::kCancelled);
}

TEST_F(BlockingWaitTest, CancelledBeforeItIsUncountedButStartsBuffering) {
  Cancellation cancellation;
  cancellation.Cancel();
  RequestContext context;
  context.cancellation = &cancellation;
  EXPECT_FALSE(buffer().WaitForFailoverEnd(context, shard(), FailoverError()).ok());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().requests_buffered, 0u);
  EXPECT_EQ(Sum(Stats().requests_evicted), 0u);
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(BlockingWaitTest, ACancellationAfterTheReleaseComesTooLate) {
  Cancellation cancellation;
  const std::unique_ptr<BlockingCall> call = Block(&cancellation);
  Report(1, true, 1);
  cancellation.Cancel();
  EXPECT_TRUE(call->result().ok());
}

TEST_F(BlockingWaitTest, ACancellationWhileItWaitsForItsTurnInADrain) {
  Cancellation cancellation;
  AsyncRequest first = Fail();
  const std::unique_ptr<BlockingCall> second = [this, &cancellation] {
    next_timeout_ = absl::Seconds(9);
    return Block(&cancellation);
  }();
  EndFailover();
  EXPECT_FALSE(second->returned());
  cancellation.Cancel();
  EXPECT_EQ(ReasonOf(second->result().status()), BufferErrorReason::kCancelled);
  first.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(BlockingWaitTest, ACancellationMayServeOneCallAfterTheOther) {
  Cancellation cancellation;
  {
    const std::unique_ptr<BlockingCall> call = Block(&cancellation);
    buffer().StopBuffering(shard());
    EXPECT_TRUE(call->result().ok());
  }
  AdvanceBeyondGuards();
  const std::unique_ptr<BlockingCall> call = Block(&cancellation);
  cancellation.Cancel();
  EXPECT_EQ(ReasonOf(call->result().status()), BufferErrorReason::kCancelled);
}

// ---- The end of the Buffer ---------------------------------------------------------------------

TEST_F(BlockingWaitTest, ShutdownReleasesIt) {
  const std::unique_ptr<BlockingCall> call = Block();
  buffer().Shutdown();
  ASSERT_TRUE(call->result().ok());
  EXPECT_EQ(call->result()->released_by(), StopReason::kShutdown);
}

TEST_F(BlockingWaitTest, ShutdownReleasesAllThatAreBlocked) {
  const std::unique_ptr<BlockingCall> first = Block();
  const std::unique_ptr<BlockingCall> second = Block();
  buffer().Shutdown();
  EXPECT_TRUE(first->result().ok());
  EXPECT_TRUE(second->result().ok());
}

TEST_F(BlockingWaitTest, TheDestructorReturnsOnlyAfterABlockedCallerHasLeft) {
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(Options());
  ASSERT_TRUE(made.ok());
  std::unique_ptr<Buffer> own = *std::move(made);
  Buffer& watched = *own;
  BlockingCall call(wakeup_, [&watched] {
    return watched.WaitForFailoverEnd({}, watched.GetShard("ks", "0"), FailoverError());
  });
  own.reset();
  ASSERT_TRUE(call.result().ok());
  EXPECT_TRUE(*call.result());
  // The token is harmless although the Buffer is gone.
  (*call.result())(absl::OkStatus());
}

// This holds in builds without assertions. bad_input_test.cc tests the assertion.
TEST_F(BlockingWaitTest, AHandleGivenToAnotherBufferActsOnItsOwn) {
#ifndef NDEBUG
  GTEST_SKIP() << "assertions are on";
#endif
  absl::StatusOr<std::unique_ptr<Buffer>> other = Buffer::Create(ManualOptions());
  ASSERT_TRUE(other.ok());
  const AsyncRequest request(**other, shard(), FailoverError(), {});
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_TRUE((*other)->StopBuffering(shard()));
  EXPECT_TRUE((*other)->Stats().shards.empty());
  PollAll();
  EXPECT_TRUE(request.released());
}

}  // namespace
}  // namespace failover::test
