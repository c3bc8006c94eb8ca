// These tests cover co_await on the end of a failover with a std::stop_token.
#include <gtest/gtest.h>

#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "failover/coroutine.h"
#include "support/buffer_test.h"
#include "support/task.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

class CoroutineStopTest : public BufferTest {
 protected:
  static Task Wait(Buffer& buffer, ShardHandle shard, absl::Status error, RequestContext context,
                   std::stop_token stop, std::optional<Result>& result) {
    result.emplace(co_await AwaitFailoverEnd(buffer, context, shard, error, std::move(stop)));
  }
  Task Wait(const absl::Status& error, std::optional<Result>& result,
            const RequestContext& context = {}) {
    return Wait(buffer(), shard(), error, context, stop_.get_token(), result);
  }

  std::stop_source stop_;
};

TEST_F(CoroutineStopTest, WhatNeedNotBeHeldGoesOnWithoutASuspension) {
  stop_.request_stop();
  for (const absl::Status& error : {absl::OkStatus(), OtherError()}) {
    std::optional<Result> result;
    const Task task = Wait(error, result);
    EXPECT_TRUE(task.done());
    ASSERT_TRUE(result->ok());
    EXPECT_FALSE(**result);
  }
}

TEST_F(CoroutineStopTest, ARequestToStopResumesItInsidePoll) {
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  EXPECT_EQ(Stats().requests_held, 1u);
  stop_.request_stop();
  EXPECT_FALSE(task.done());
  EXPECT_EQ(Stats().requests_held, 0u);
  PollAll();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
  EXPECT_NE(result->status().message().find("original error: FAILED_PRECONDITION"),
            std::string::npos);
}

TEST_F(CoroutineStopTest, AnotherThreadMayRequestTheStop) {
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  std::thread other([this] { stop_.request_stop(); });
  other.join();
  PollAll();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
}

TEST_F(CoroutineStopTest, StoppedBeforeItIsRefusedWithoutASuspension) {
  stop_.request_stop();
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
}

TEST_F(CoroutineStopTest, TheCancellationOfTheContextEndsItToo) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result, context);
  cancellation.Cancel();
  PollAll();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
  stop_.request_stop();
}

TEST_F(CoroutineStopTest, WithBothTheStopEndsItToo) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result, context);
  stop_.request_stop();
  PollAll();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
  cancellation.Cancel();
}

TEST_F(CoroutineStopTest, AStopAfterTheReleaseComesTooLate) {
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  Report(1, true, 1);
  stop_.request_stop();
  PollAll();
  ASSERT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
  EXPECT_TRUE(**result);
}

TEST_F(CoroutineStopTest, AStopAfterTheEndTouchesNothing) {
  std::optional<Result> result;
  {
    const Task task = Wait(FailoverError(), result);
    EndFailover();
    ASSERT_TRUE(task.done());
  }
  result.reset();
  Destroy();
  stop_.request_stop();
}

TEST_F(CoroutineStopTest, DestroyedWhileSuspendedItIsCancelled) {
  std::optional<Result> result;
  {
    const Task task = Wait(FailoverError(), result);
    EXPECT_EQ(Stats().requests_held, 1u);
  }
  EXPECT_EQ(Stats().requests_held, 0u);
  stop_.request_stop();
  PollAll();
  EXPECT_FALSE(result.has_value());
}

TEST_F(CoroutineStopTest, ATokenThatNobodyCanStop) {
  std::optional<Result> result;
  const Task task = Wait(buffer(), shard(), FailoverError(), {}, std::stop_token(), result);
  EXPECT_FALSE(task.done());
  EndFailover();
  ASSERT_TRUE(task.done());
  EXPECT_TRUE(result->ok());
}

TEST_F(CoroutineStopTest, AWaitThatIsNeverAwaitedIsHarmless) {
  const auto wait = AwaitFailoverEnd(buffer(), {}, shard(), absl::OkStatus(), stop_.get_token());
  stop_.request_stop();
  EXPECT_TRUE(wait.await_ready());
}

}  // namespace
}  // namespace failover::test
