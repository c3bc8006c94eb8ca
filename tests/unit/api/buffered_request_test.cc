// These tests cover the asynchronous wait: the handle of a held request, and its callback.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class BufferedRequestTest : public BufferTest {
 protected:
  // Releases every held request, but runs no callback.
  void Release() { EXPECT_TRUE(buffer().StopBuffering(shard())); }

  BufferedRequest Hold(WaitCallback callback) {
    absl::StatusOr<BufferedRequest> request =
        buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), std::move(callback));
    EXPECT_TRUE(request.ok() && *request);
    return request.ok() ? *std::move(request) : BufferedRequest();
  }
};

// ---- The callback ------------------------------------------------------------------------------

TEST_F(BufferedRequestTest, TheCallbackRunsExactlyOnceInsidePoll) {
  const AsyncRequest request = Fail();
  Release();
  EXPECT_EQ(request.runs(), 0);
  buffer().Poll();
  EXPECT_EQ(request.runs(), 1);
  PollAll();
  Advance(absl::Hours(1));
  buffer().Shutdown();
  EXPECT_EQ(request.runs(), 1);
}

TEST_F(BufferedRequestTest, TheCallbackIsDestroyedAfterItRan) {
  const AsyncRequest request = Fail();
  EXPECT_FALSE(request.callback_destroyed());
  Release();
  PollAll();
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(BufferedRequestTest, TheCallbackOfARequestThatPassesIsDestroyedUnused) {
  AsyncRequest request = Request();
  ASSERT_TRUE(request.passed());
  EXPECT_FALSE(request.handle());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(BufferedRequestTest, TheCallbackOfARequestThatPassesOnTheSlowPathIsDestroyedUnused) {
  { const AsyncRequest cancelled = Fail(); }
  Release();
  const AsyncRequest request = Fail();
  ASSERT_TRUE(request.passed());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(BufferedRequestTest, TheCallbackOfARefusedRequestIsDestroyedUnused) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  const AsyncRequest request = Fail(context);
  ASSERT_TRUE(request.refused());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(BufferedRequestTest, TheCallbackOfABadNameIsDestroyedUnused) {
  const auto witness = std::make_shared<int>(0);
  const absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, "", "0", FailoverError(), [witness](absl::StatusOr<RetryDoneFunc>) {});
  EXPECT_FALSE(request.ok());
  EXPECT_EQ(witness.use_count(), 1);
}

TEST_F(BufferedRequestTest, TheCallbackIsNotUnderALock) {
  // The callback runs a whole failover of its own shard, which would block if a lock were held.
  const BufferedRequest request = Hold([this](absl::StatusOr<RetryDoneFunc> done) {
    (*done)();
    EXPECT_EQ(buffer().Stats().slots_free, 10u);
    clock_.Advance(absl::Hours(1));
    const AsyncRequest inner = Fail();
    EXPECT_TRUE(inner.held());
    EXPECT_TRUE(buffer().StopBuffering(shard()));
  });
  Release();
  PollAll();
  EXPECT_EQ(Stats().starts, 2u);
}

TEST_F(BufferedRequestTest, TheTimeoutOfAContextAppliesToo) {
  RequestContext context;
  context.timeout = absl::Seconds(1);
  absl::Status error;
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      context, "ks", "0", FailoverError(),
      [&error](absl::StatusOr<RetryDoneFunc> done) { error = done.status(); });
  ASSERT_TRUE(request.ok());
  Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kTimeout);
}

// ---- The handle --------------------------------------------------------------------------------

TEST_F(BufferedRequestTest, ItIsMoveOnly) {
  EXPECT_FALSE(std::is_copy_constructible_v<BufferedRequest>);
  EXPECT_FALSE(std::is_copy_assignable_v<BufferedRequest>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<BufferedRequest>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<BufferedRequest>);
}

TEST_F(BufferedRequestTest, ItIsTrueIfTheRequestIsHeld) {
  EXPECT_FALSE(BufferedRequest());
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.handle());
}

TEST_F(BufferedRequestTest, AnEmptyOneCancelsNothingAndDetachesNothing) {
  BufferedRequest empty;
  EXPECT_FALSE(empty.Cancel());
  empty.Detach();
  EXPECT_FALSE(empty.Cancel());
}

TEST_F(BufferedRequestTest, ACancelThatWinsMeansThatTheCallbackNeverRuns) {
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.handle().Cancel());
  Release();
  PollAll();
  buffer().Shutdown();
  EXPECT_EQ(request.runs(), 0);
}

TEST_F(BufferedRequestTest, ACancelThatWinsDestroysTheCallbackBeforeItReturns) {
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(BufferedRequestTest, ACancelThatWinsFreesTheSlotAndIsCounted) {
  AsyncRequest request = Fail();
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(BufferedRequestTest, ASecondCancelRepeatsTheAnswerAndCountsNothing) {
  AsyncRequest won = Fail();
  EXPECT_TRUE(won.handle().Cancel());
  EXPECT_TRUE(won.handle().Cancel());
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
  AsyncRequest lost = Request();
  Release();
  PollAll();
  EXPECT_FALSE(lost.handle().Cancel());
  EXPECT_FALSE(lost.handle().Cancel());
}

TEST_F(BufferedRequestTest, ACancelAfterTheCallbackRanIsLost) {
  AsyncRequest request = Fail();
  Release();
  PollAll();
  EXPECT_FALSE(request.handle().Cancel());
  EXPECT_TRUE(request.handle());
  EXPECT_EQ(request.runs(), 1);
}

TEST_F(BufferedRequestTest, ACancelBetweenReleaseAndCallbackWinsAndItsSlotGoesBack) {
  AsyncRequest request = Fail();
  Release();
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().requests_drained, 1u);
  EXPECT_TRUE(request.handle().Cancel());
  PollAll();
  EXPECT_EQ(request.runs(), 0);
}

TEST_F(BufferedRequestTest, ACancelBetweenEvictionAndCallbackWinsAndFreesNoSlot) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  AsyncRequest evicted = Fail();
  const AsyncRequest newest = Request();
  EXPECT_TRUE(evicted.handle().Cancel());
  EXPECT_EQ(buffer().Stats().slots_free, 0u);
  PollAll();
  EXPECT_EQ(evicted.runs(), 0);
}

TEST_F(BufferedRequestTest, ACancelInsideTheOwnCallbackIsLost) {
  std::optional<bool> answer;
  BufferedRequest request;
  request = Hold([&](absl::StatusOr<RetryDoneFunc>) { answer = request.Cancel(); });
  Release();
  PollAll();
  EXPECT_EQ(answer, false);
}

TEST_F(BufferedRequestTest, ACancelInsideAnotherCallbackWins) {
  std::optional<AsyncRequest> other;
  const BufferedRequest first =
      Hold([&](absl::StatusOr<RetryDoneFunc>) { EXPECT_TRUE(other->handle().Cancel()); });
  other.emplace(Request());
  Release();
  PollAll();
  EXPECT_EQ(other->runs(), 0);
}

TEST_F(BufferedRequestTest, TheDestructorCancels) {
  const auto witness = std::make_shared<int>(0);
  {
    const BufferedRequest request = Hold([witness](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_EQ(Stats().requests_held, 0u);
  Release();
  PollAll();
}

TEST_F(BufferedRequestTest, TheDestructorCancelsBetweenReleaseAndCallback) {
  {
    const BufferedRequest request = Hold([](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
    Release();
  }
  PollAll();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(BufferedRequestTest, TheDestructorReturnsAtOnceInsideTheOwnCallback) {
  std::optional<BufferedRequest> request;
  bool ran = false;
  request = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    request.reset();
    ran = true;
  });
  Release();
  PollAll();
  EXPECT_TRUE(ran);
}

TEST_F(BufferedRequestTest, ACallbackMayOwnItsHandle) {
  const auto session = std::make_shared<std::optional<BufferedRequest>>();
  *session = Hold([session](absl::StatusOr<RetryDoneFunc>) {});
  std::weak_ptr<std::optional<BufferedRequest>> alive = session;
  Release();
  PollAll();
  session->reset();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(BufferedRequestTest, ACallbackThatIsTheLastToOwnItsHandleTakesItAlong) {
  auto session = std::make_shared<std::optional<BufferedRequest>>();
  const std::weak_ptr<std::optional<BufferedRequest>> alive = session;
  *session = Hold([session](absl::StatusOr<RetryDoneFunc>) {});
  session.reset();
  EXPECT_FALSE(alive.expired());
  Release();
  PollAll();
  EXPECT_TRUE(alive.expired());
}

TEST_F(BufferedRequestTest, ACancelMayDestroyTheHandleThatTheCallbackOwns) {
  auto session = std::make_shared<std::optional<BufferedRequest>>();
  const std::weak_ptr<std::optional<BufferedRequest>> alive = session;
  *session = Hold([session](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
  BufferedRequest& handle = **session;
  session.reset();
  EXPECT_TRUE(handle.Cancel());
  EXPECT_TRUE(alive.expired());
}

TEST_F(BufferedRequestTest,
       BugHandleOfItsCallback_AHandleThatIsDestroyedWithItsCallbackIsNotTouched) {
  // The memory of the handle is free as soon as the callback is destroyed. A weak_ptr would keep
  // it.
  auto session = std::make_unique<std::optional<BufferedRequest>>();
  std::optional<BufferedRequest>* const handle = session.get();
  *handle = Hold([owned = std::move(session)](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
  handle->reset();
  EXPECT_EQ(Stats().requests_held, 0u);
}

TEST_F(BufferedRequestTest, DetachLetsTheCallbackRunWithoutTheHandle) {
  AsyncRequest request = Fail();
  request.handle().Detach();
  EXPECT_FALSE(request.handle());
  EXPECT_FALSE(request.handle().Cancel());
  Release();
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(BufferedRequestTest, DetachAfterTheCallbackIsHarmless) {
  AsyncRequest request = Fail();
  Release();
  PollAll();
  request.handle().Detach();
  EXPECT_FALSE(request.handle());
}

TEST_F(BufferedRequestTest, DetachInsideTheOwnCallbackIsHarmless) {
  BufferedRequest request;
  request = Hold([&request](absl::StatusOr<RetryDoneFunc>) { request.Detach(); });
  Release();
  PollAll();
  EXPECT_FALSE(request);
}

TEST_F(BufferedRequestTest, AMoveTakesTheRequestAlong) {
  AsyncRequest request = Fail();
  BufferedRequest moved = std::move(request.handle());
  EXPECT_FALSE(request.handle());
  EXPECT_FALSE(request.handle().Cancel());
  EXPECT_TRUE(moved.Cancel());
}

TEST_F(BufferedRequestTest, AnAssignmentCancelsTheFirst) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  first.handle() = std::move(second.handle());
  EXPECT_TRUE(first.callback_destroyed());
  EXPECT_FALSE(second.callback_destroyed());
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(BufferedRequestTest, AnAssignmentToItselfDoesNothing) {
  AsyncRequest request = Fail();
  BufferedRequest& itself = request.handle();
  request.handle() = std::move(itself);
  EXPECT_TRUE(request.handle());
  EXPECT_EQ(Stats().requests_held, 1u);
}

// ---- Other threads -----------------------------------------------------------------------------

TEST_F(BufferedRequestTest, TheDestructorWaitsForACallbackThatAnotherThreadRuns) {
  Signal callback_runs;
  Signal cancel_is_lost;
  // This flag is not an atomic, because the destructor of the handle must order the two threads.
  bool callback_finished = false;
  std::optional<BufferedRequest> request;
  request = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(cancel_is_lost.Await());
    callback_finished = true;
  });
  Release();
  std::thread poller([this] { buffer().Poll(); });
  ASSERT_TRUE(callback_runs.Await());
  EXPECT_FALSE(request->Cancel());
  cancel_is_lost.Give();
  request.reset();
  EXPECT_TRUE(callback_finished);
  poller.join();
}

TEST_F(BufferedRequestTest, TheDestructorDoesNotWaitForOtherCallbacks) {
  Signal callback_runs;
  Signal destroyed;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(destroyed.Await());
  });
  std::optional<BufferedRequest> second = Hold([](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
  Release();
  std::thread poller([this] { buffer().Poll(); });
  ASSERT_TRUE(callback_runs.Await());
  second.reset();
  destroyed.Give();
  poller.join();
}

TEST_F(BufferedRequestTest, CancelsOfTwoThreadsGetTheSameAnswer) {
  AsyncRequest request = Fail();
  bool other = false;
  std::thread thread([&] { other = request.handle().Cancel(); });
  EXPECT_TRUE(request.handle().Cancel());
  thread.join();
  EXPECT_TRUE(other);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

// ---- Use after the Buffer is gone ---------------------------------------------------------------

TEST_F(BufferedRequestTest, ItIsHarmlessAfterShutdown) {
  AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_TRUE(request.released());
  EXPECT_FALSE(request.handle().Cancel());
}

TEST_F(BufferedRequestTest, ItIsHarmlessAfterTheBufferIsGone) {
  AsyncRequest ran = Fail();
  AsyncRequest cancelled = Request();
  AsyncRequest detached = Request();
  AsyncRequest dropped = Request();
  EXPECT_TRUE(cancelled.handle().Cancel());
  Destroy();
  EXPECT_FALSE(ran.handle().Cancel());
  EXPECT_TRUE(cancelled.handle().Cancel());
  detached.handle().Detach();
  EXPECT_EQ(dropped.runs(), 1);
}

// ---- Cancellation ------------------------------------------------------------------------------

class CancelledRequestTest : public BufferTest {
 protected:
  CancelledRequestTest() { context_.cancellation = &cancellation_; }

  Cancellation cancellation_;
  RequestContext context_;
};

TEST_F(CancelledRequestTest, BugIgnoredCancellation_TheCallbackIsGivenTheError) {
  const AsyncRequest request = Fail(context_);
  const AsyncRequest other = Request();
  cancellation_.Cancel();
  EXPECT_FALSE(request.done()) << "the callback must run inside Poll only";
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  PollAll();
  EXPECT_EQ(request.runs(), 1);
  EXPECT_EQ(request.reason(), BufferErrorReason::kCancelled);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
  EXPECT_FALSE(other.done());
}

TEST_F(CancelledRequestTest, BugIgnoredCancellation_CancelledBeforeItIsRefused) {
  cancellation_.Cancel();
  const AsyncRequest request = Fail(context_);
  ASSERT_TRUE(request.refused());
  EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kCancelled);
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(CancelledRequestTest, WhatNeedNotBeHeldPasses) {
  cancellation_.Cancel();
  EXPECT_TRUE(Request(context_).passed());
}

TEST_F(CancelledRequestTest, ThePollerIsWokenUnderNoLock) {
  int wakeups = 0;
  BufferOptions options = ManualOptions();
  options.wakeup = [&] {
    ++wakeups;
    if (!cancellation_.cancelled()) return;
    // A thread that needs the Cancellation, or the shard, would be stuck under a lock.
    std::thread other([&] {
      cancellation_.Cancel();
      Stats();
    });
    other.join();
  };
  Create(options);
  const AsyncRequest first = Fail(context_);
  const AsyncRequest second = Request(context_);
  buffer().Poll();
  wakeups = 0;
  cancellation_.Cancel();
  EXPECT_EQ(wakeups, 1);
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kCancelled);
  EXPECT_EQ(second.reason(), BufferErrorReason::kCancelled);
}

TEST_F(CancelledRequestTest, AfterTheReleaseItComesTooLate) {
  const AsyncRequest request = Fail(context_);
  Report(1, true, 1);
  cancellation_.Cancel();
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(CancelledRequestTest, TheHandleStillCancelsInSilence) {
  AsyncRequest request = Fail(context_);
  EXPECT_TRUE(request.handle().Cancel());
  cancellation_.Cancel();
  PollAll();
  EXPECT_EQ(request.runs(), 0);
}

TEST_F(CancelledRequestTest, TheCancellationMayGoWhenTheCallbackRuns) {
  auto cancellation = std::make_unique<Cancellation>();
  context_.cancellation = cancellation.get();
  BufferedRequest request = *buffer().WaitForFailoverEndAsync(
      context_, shard(), FailoverError(),
      [&](const absl::StatusOr<RetryDoneFunc>&) { cancellation.reset(); });
  EndFailover();
  EXPECT_EQ(cancellation, nullptr);
}

TEST_F(CancelledRequestTest, OneCancellationServesRequestsOfSeveralBuffers) {
  const std::unique_ptr<Buffer> other = *Buffer::Create(ManualOptions());
  const AsyncRequest here = Fail(context_);
  const AsyncRequest there(*other, other->GetShard("ks", "0"), FailoverError(), context_);
  cancellation_.Cancel();
  PollAll();
  other->Poll();
  EXPECT_EQ(here.reason(), BufferErrorReason::kCancelled);
  EXPECT_EQ(there.reason(), BufferErrorReason::kCancelled);
}

}  // namespace
}  // namespace failover::test
