// These tests cover co_await on the next attempt of a retry loop.
#include "failover/coroutine_retry.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/task.h"

namespace failover::test {
namespace {

using Step = RetrySteps::Step;

class CoroutineRetryTest : public BufferTest {
 protected:
  // A retry loop around attempts that end with the answers in turn.
  Task Run(std::vector<absl::Status> answers, RequestContext context = {}) {
    RetrySteps steps;
    Step step = steps.Start(clock_.Now(), context);
    while (step != Step::kFinish) {
      if (step == Step::kWait) {
        step = co_await AwaitNextAttempt(buffer(), shard(), steps, clock_.Now());
      } else {
        const absl::Status answer = answers.at(attempts_++);
        step = steps.AttemptEnded(clock_.Now(), answer, AttemptOf(buffer(), answer));
      }
    }
    result_ = steps.result();
  }

  std::size_t attempts_ = 0;
  std::optional<absl::Status> result_;
};

TEST_F(CoroutineRetryTest, WhatNeedNotBeHeldIsNotSuspended) {
  for (const absl::Status& answer : {absl::OkStatus(), OtherError()}) {
    attempts_ = 0;
    const Task task = Run({answer});
    EXPECT_TRUE(task.done());
    EXPECT_EQ(result_, answer);
    EXPECT_EQ(attempts_, 1u);
  }
}

TEST_F(CoroutineRetryTest, ARefusedAttemptIsHeldAndThenRepeated) {
  const Task task = Run({FailoverError(), absl::OkStatus()});
  EXPECT_FALSE(task.done());
  EXPECT_EQ(attempts_, 1u);
  EXPECT_EQ(Stats().requests_held, 1u);
  EndFailover();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(result_, absl::OkStatus());
  EXPECT_EQ(attempts_, 2u);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(CoroutineRetryTest, TheFirstAttemptWaitsWhileTheShardIsHeld) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  const Task task = Run({absl::OkStatus()});
  EXPECT_FALSE(task.done());
  EXPECT_EQ(attempts_, 0u);
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(result_, absl::OkStatus());
}

TEST_F(CoroutineRetryTest, TheBuffersErrorEndsTheLoop) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  const Task task = Run({FailoverError()});
  EXPECT_TRUE(task.done());
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(ReasonOf(*result_), BufferErrorReason::kBufferFull);
  EXPECT_NE(result_->message().find("original error: FAILED_PRECONDITION"), absl::string_view::npos)
      << *result_;
}

TEST_F(CoroutineRetryTest, AfterTheTimeoutTheAttemptsOwnErrorIsReturned) {
  RequestContext context;
  context.timeout = absl::Seconds(2);
  const Task task = Run({FailoverError()}, context);
  EXPECT_FALSE(task.done());
  Advance(absl::Seconds(2));
  EXPECT_TRUE(task.done());
  EXPECT_EQ(result_, FailoverError());
  EXPECT_EQ(attempts_, 1u);
}

TEST_F(CoroutineRetryTest, DestroyedWhileSuspendedItGivesItsSlotBack) {
  {
    const Task task = Run({FailoverError()});
    EXPECT_EQ(Stats().requests_held, 1u);
  }
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace failover::test
