// These tests cover co_await on the end of a failover.
#include "failover/coroutine.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/task.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

class CoroutineTest : public BufferTest {
 protected:
  // Waits for the end of the failover, and leaves what the wait returned in `result`.
  static Task Wait(Buffer& buffer, ShardHandle shard, absl::Status error, RequestContext context,
                   std::optional<Result>& result) {
    result.emplace(co_await AwaitFailoverEnd(buffer, context, shard, std::move(error)));
  }
  Task Wait(const absl::Status& error, std::optional<Result>& result,
            const RequestContext& context = {}) {
    return Wait(buffer(), shard(), error, context, result);
  }
};

TEST_F(CoroutineTest, WhatNeedNotBeHeldGoesOnWithoutASuspension) {
  for (const absl::Status& error : {absl::OkStatus(), OtherError()}) {
    std::optional<Result> result;
    const Task task = Wait(error, result);
    EXPECT_TRUE(task.done());
    ASSERT_TRUE(result->ok());
    EXPECT_FALSE(**result);
  }
}

TEST_F(CoroutineTest, AnInertHandlePasses) {
  std::optional<Result> result;
  const Task task = Wait(buffer(), ShardHandle(), FailoverError(), {}, result);
  EXPECT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
}

TEST_F(CoroutineTest, AFailedRequestIsHeldAndResumedInsidePoll) {
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  EXPECT_FALSE(task.done());
  EXPECT_EQ(Stats().requests_held, 1u);
  Report(1, true, 1);
  EXPECT_FALSE(task.done());
  buffer().Poll();
  EXPECT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
  EXPECT_TRUE(**result);
  EXPECT_EQ((*result)->released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(Stats().requests_retrying, 1u);
}

TEST_F(CoroutineTest, ARequestThatHasNotFailedIsHeldWhileBuffering) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  std::optional<Result> result;
  const Task task = Wait(absl::OkStatus(), result);
  EXPECT_FALSE(task.done());
}

TEST_F(CoroutineTest, ItIsEvicted) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  std::optional<Result> first;
  std::optional<Result> second;
  const Task evicted = Wait(FailoverError(), first);
  const Task newer = Wait(FailoverError(), second);
  PollAll();
  ASSERT_TRUE(evicted.done());
  EXPECT_EQ(ReasonOf(first->status()), BufferErrorReason::kEvicted);
  EXPECT_NE(first->status().message().find("original error: FAILED_PRECONDITION"),
            std::string::npos);
  EXPECT_FALSE(newer.done());
}

TEST_F(CoroutineTest, ItIsRefusedWithoutASuspension) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kBufferFull);
}

TEST_F(CoroutineTest, ItsTimeoutEndsIt) {
  std::optional<Result> result;
  RequestContext context;
  context.timeout = absl::Seconds(2);
  const Task task = Wait(FailoverError(), result, context);
  Advance(absl::Seconds(2));
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kTimeout);
}

TEST_F(CoroutineTest, ATimeoutThatIsOverIsRefused) {
  std::optional<Result> result;
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  const Task task = Wait(FailoverError(), result, context);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kTimeout);
}

TEST_F(CoroutineTest, ItsWindowEndsIt) {
  std::optional<Result> result;
  const Task task = Wait(FailoverError(), result);
  Advance(absl::Seconds(10));
  ASSERT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
  EXPECT_EQ((*result)->released_by(), std::nullopt);
}

TEST_F(CoroutineTest, DestroyedWhileSuspendedItIsCancelled) {
  std::optional<Result> result;
  {
    const Task task = Wait(FailoverError(), result);
    EXPECT_EQ(Stats().requests_held, 1u);
  }
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
  Report(1, true, 1);
  PollAll();
  EXPECT_FALSE(result.has_value());
}

TEST_F(CoroutineTest, DestroyedAfterTheReleaseItsSlotGoesBack) {
  std::optional<Result> result;
  {
    const Task task = Wait(FailoverError(), result);
    Report(1, true, 1);
  }
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().state, State::kIdle);
  PollAll();
  EXPECT_FALSE(result.has_value());
}

TEST_F(CoroutineTest, SeveralStandInOneQueueWithCallbacks) {
  std::optional<Result> first;
  std::optional<Result> third;
  const Task task1 = Wait(FailoverError(), first);
  AsyncRequest second = Request();
  const Task task3 = Wait(FailoverError(), third);
  EndFailover();
  EXPECT_TRUE(task1.done());
  EXPECT_FALSE(second.done());
  (**first)();
  PollAll();
  EXPECT_TRUE(second.released());
  EXPECT_FALSE(task3.done());
  second.EndRetry();
  PollAll();
  EXPECT_TRUE(task3.done());
}

TEST_F(CoroutineTest, OneInTheMiddleOfTheQueueMayGo) {
  std::optional<Result> first;
  std::optional<Result> second;
  std::optional<Result> third;
  const Task task1 = Wait(FailoverError(), first);
  std::optional<Task> task2(Wait(FailoverError(), second));
  const Task task3 = Wait(FailoverError(), third);
  task2.reset();
  EndFailover();
  (**first)();
  PollAll();
  EXPECT_FALSE(second.has_value());
  EXPECT_TRUE(task3.done());
}

TEST_F(CoroutineTest, ShutdownResumesAll) {
  std::optional<Result> first;
  std::optional<Result> second;
  const Task task1 = Wait(FailoverError(), first);
  const Task task2 = Wait(FailoverError(), second);
  buffer().Shutdown();
  ASSERT_TRUE(task1.done());
  ASSERT_TRUE(task2.done());
  EXPECT_EQ((*second)->released_by(), StopReason::kShutdown);
}

// Nobody holds a Detached coroutine. Its frame is destroyed when its last statement has run.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached WaitDetached(Buffer& buffer, ShardHandle shard, std::shared_ptr<int> in_frame,
                      std::vector<bool>* results) {
  const Result done = co_await AwaitFailoverEnd(buffer, {}, shard, FailoverError());
  results->push_back(done.ok() && *in_frame == 7);
}

TEST_F(CoroutineTest, ItsFrameMayGoInsideTheResume) {
  const auto in_frame = std::make_shared<int>(7);
  std::vector<bool> results;
  WaitDetached(buffer(), shard(), in_frame, &results);
  WaitDetached(buffer(), shard(), in_frame, &results);
  EXPECT_EQ(in_frame.use_count(), 3);
  EndFailover();
  EXPECT_EQ(results, (std::vector<bool>{true, true}));
  EXPECT_EQ(in_frame.use_count(), 1);
}

Task WaitTwice(Buffer& buffer, ShardHandle first, ShardHandle second, int* ended) {
  for (const ShardHandle shard : {first, second}) {
    const Result done = co_await AwaitFailoverEnd(buffer, {}, shard, FailoverError());
    if (done.ok()) ++*ended;
  }
}

TEST_F(CoroutineTest, ItMayWaitAgainWhenItIsResumed) {
  int ended = 0;
  const Task task = WaitTwice(buffer(), Shard("0"), Shard("1"), &ended);
  EndFailover("0");
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(Stats("1").requests_held, 1u);
  EXPECT_EQ(Stats("0").requests_retrying, 0u);
  EndFailover("1");
  EXPECT_EQ(ended, 2);
  EXPECT_TRUE(task.done());
}

// ---- Cancellation ------------------------------------------------------------------------------

class CancelledCoroutineTest : public CoroutineTest {
 protected:
  CancelledCoroutineTest() { context_.cancellation = &cancellation_; }

  Cancellation cancellation_;
  RequestContext context_;
  std::optional<Result> result_;
};

TEST_F(CancelledCoroutineTest, BugIgnoredCancellation_ItIsResumedWithTheError) {
  const Task task = Wait(FailoverError(), result_, context_);
  EXPECT_FALSE(task.done());
  cancellation_.Cancel();
  EXPECT_FALSE(task.done()) << "it must be resumed inside Poll only";
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  PollAll();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result_->status()), BufferErrorReason::kCancelled);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(CancelledCoroutineTest, BugIgnoredCancellation_CancelledBeforeItIsRefused) {
  cancellation_.Cancel();
  const Task task = Wait(FailoverError(), result_, context_);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(ReasonOf(result_->status()), BufferErrorReason::kCancelled);
}

TEST_F(CancelledCoroutineTest, WhatNeedNotBeHeldPasses) {
  cancellation_.Cancel();
  const Task task = Wait(absl::OkStatus(), result_, context_);
  EXPECT_TRUE(task.done() && result_->ok());
}

TEST_F(CancelledCoroutineTest, TheCancellationMayGoWhenTheCoroutineGoesOn) {
  auto cancellation = std::make_unique<Cancellation>();
  context_.cancellation = cancellation.get();
  const Task task = Wait(FailoverError(), result_, context_);
  EndFailover();
  ASSERT_TRUE(task.done());
  cancellation->Cancel();
  cancellation.reset();
  EXPECT_TRUE(result_->ok());
}

TEST_F(CancelledCoroutineTest, DestroyedWhileSuspendedItIsForgotten) {
  { const Task task = Wait(FailoverError(), result_, context_); }
  cancellation_.Cancel();
  PollAll();
  EXPECT_FALSE(result_.has_value());
}

// ---- The error as a choice ---------------------------------------------------------------------

// g++ 12 destroys temporaries of a conditional twice if they stand in the expression of a co_await,
// whatever the type of the parameter is. The forms below are those that the compiler gets right.
// The texts are long, so that each Status has memory of its own.
class ChosenErrorTest : public CoroutineTest {
 protected:
  using Form = Task (*)(Buffer&, ShardHandle, bool, const absl::Status&, std::optional<Result>&);

  static Task OfVariables(Buffer& buffer, ShardHandle shard, bool failed,
                          const absl::Status& failover, std::optional<Result>& result) {
    const absl::Status none;
    result.emplace(co_await AwaitFailoverEnd(buffer, {}, shard, failed ? failover : none));
  }
  static Task OfTemporariesWithAName(Buffer& buffer, ShardHandle shard, bool failed,
                                     const absl::Status&, std::optional<Result>& result) {
    auto wait = AwaitFailoverEnd(buffer, {}, shard, failed ? FailoverError() : OtherError());
    result.emplace(co_await wait);
  }
  static Task OfMixedWithAName(Buffer& buffer, ShardHandle shard, bool failed,
                               const absl::Status& failover, std::optional<Result>& result) {
    auto wait = AwaitFailoverEnd(buffer, {}, shard, failed ? failover : absl::OkStatus());
    result.emplace(co_await wait);
  }
#if !defined(__GNUC__) || defined(__clang__)
  static Task OfTemporaries(Buffer& buffer, ShardHandle shard, bool failed, const absl::Status&,
                            std::optional<Result>& result) {
    result.emplace(
        co_await AwaitFailoverEnd(buffer, {}, shard, failed ? FailoverError() : absl::OkStatus()));
  }
#endif

  void ExpectOneEnd(Form form) {
    const std::unique_ptr<absl::Status> failover = std::make_unique<absl::Status>(FailoverError());
    for (const bool failed : {true, false, true}) {
      AdvanceBeyondGuards();
      std::optional<Result> result;
      const Task task = form(buffer(), shard(), failed, *failover, result);
      EXPECT_NE(task.done(), failed);
      EndFailover();
      ASSERT_TRUE(task.done());
      EXPECT_TRUE(result->ok());
    }
    EXPECT_EQ(*failover, FailoverError());
  }
};

TEST_F(ChosenErrorTest, BugChosenError_OfVariables) { ExpectOneEnd(OfVariables); }
TEST_F(ChosenErrorTest, BugChosenError_OfTemporariesWithAName) {
  ExpectOneEnd(OfTemporariesWithAName);
}
TEST_F(ChosenErrorTest, BugChosenError_OfMixedWithAName) { ExpectOneEnd(OfMixedWithAName); }
TEST_F(ChosenErrorTest, BugChosenError_OfTemporaries) {
#if !defined(__GNUC__) || defined(__clang__)
  ExpectOneEnd(OfTemporaries);
#else
  GTEST_SKIP() << "g++ 12 cannot compile this form";
#endif
}

using CoroutineDeathTest = CoroutineTest;

TEST_F(CoroutineDeathTest, TheHandleOfAnotherBufferIsAnAssertion) {
#ifdef NDEBUG
  GTEST_SKIP() << "assertions are off";
#endif
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::unique_ptr<Buffer> other = *Buffer::Create(ManualOptions());
  EXPECT_DEATH(
      static_cast<void>(AwaitFailoverEnd(buffer(), {}, other->GetShard("ks", "0"), OtherError())),
      "Owns");
}

// ---- Held again ---------------------------------------------------------------------------------

// Waits until the retry that `token` stands for may be repeated.
Task WaitAgain(Buffer& buffer, ShardHandle shard, Attempt attempt, RetryDoneFunc token,
               std::optional<Result>& result) {
  RequestContext context;
  context.may_probe = true;
  result.emplace(co_await AwaitFailoverEnd(buffer, context, shard,
                                           LastAttempt(attempt).After(std::move(token))));
}

TEST_F(CoroutineTest, ARetryThatWasRefusedIsHeldAgain) {
  std::optional<Result> first;
  const Task task = WaitAgain(buffer(), shard(), Attempt::kRefused, {}, first);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(task.done()) << "the probe";
  std::optional<Result> second;
  const Task again = WaitAgain(buffer(), shard(), Attempt::kRefused, std::move(**first), second);
  EXPECT_FALSE(again.done());
  EXPECT_EQ(Stats().requests_held_again, 1u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
  EndFailover();
  ASSERT_TRUE(again.done());
  EXPECT_EQ((*second)->released_by(), StopReason::kNewPrimarySeen);
}

TEST_F(CoroutineTest, AfterItsWindowItIsRefused) {
  std::optional<Result> first;
  const Task task = Wait(FailoverError(), first);
  Advance(absl::Seconds(10));
  ASSERT_TRUE(task.done());
  std::optional<Result> second;
  const Task again = WaitAgain(buffer(), shard(), Attempt::kRefused, std::move(**first), second);
  ASSERT_TRUE(again.done());
  EXPECT_EQ(ReasonOf(second->status()), BufferErrorReason::kWindowOver);
}

TEST_F(CoroutineTest, AnotherErrorEndsTheToken) {
  std::optional<Result> first;
  const Task task = Wait(FailoverError(), first);
  Advance(absl::Seconds(10));
  std::optional<Result> second;
  const Task again = WaitAgain(buffer(), shard(), Attempt::kFailed, std::move(**first), second);
  ASSERT_TRUE(again.done());
  EXPECT_TRUE(second->ok());
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(CoroutineTest, ADestroyedCoroutineThatWasHeldAgainFreesItsSlot) {
  std::optional<Result> first;
  const Task task = Wait(FailoverError(), first, {absl::InfiniteDuration(), nullptr, 0, true});
  Advance(absl::Seconds(1));
  std::optional<Result> second;
  {
    const Task again = WaitAgain(buffer(), shard(), Attempt::kRefused, std::move(**first), second);
    EXPECT_EQ(Stats().requests_held, 1u);
  }
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

}  // namespace
}  // namespace failover::test
