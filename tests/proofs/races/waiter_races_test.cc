// Races of what waits, of its Cancellation and of its handle.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "detached.h"
#include "failover/block_on.h"
#include "failover/coroutine.h"
#include "named_races.h"
#include "racing_request.h"
#include "shard/buffer_error.h"
#include "support/task.h"
#include "support/thread_signal.h"
#include "sync_points.h"

namespace failover::test {
namespace {

Task AwaitEndInTask(Buffer& buffer, ShardHandle shard, absl::Status error, int* ends) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, std::move(error));
  ++*ends;
}

// Waits for the end of the failover, and leaves the error of the wait in `ended`.
Detached KeepTheEnd(Buffer& buffer, ShardHandle shard, RequestContext context,
                    absl::Status& ended) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, context, shard, FailoverError());
  ended = done.status();
}

// What parks a fiber. A thread stands in for the fiber.
class Baton {
 public:
  void Post() { posted_.Give(); }
  void Wait() { EXPECT_TRUE(posted_.Await()); }

 private:
  Signal posted_;
};

// ---- The waiter, and what it leaves behind ------------------------------------------------------

TEST_F(NamedRacesTest, ACoroutineAndItsErrorMayBeGoneBeforeTheCallThatHeldItReturns) {
  std::atomic<int> ends{0};
  StopAt held("submit:after-lock");
  Step submit([&] { AwaitEnd(buffer(), shard(), FailoverError(), &ends); });
  ASSERT_TRUE(held.Await());
  EndFailover();
  EXPECT_EQ(ends, 1);
  held.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(log_.Count("because of: FAILED_PRECONDITION (errno 1290) (sqlstate HY000)"), 1u);
}

TEST_F(NamedRacesTest, ACallbackMayRunBeforeTheCallThatHeldItReturns) {
  RacingRequest request;
  StopAt held("submit:after-lock");
  Step submit([&] { request.Submit(buffer(), shard(), FailoverError()); });
  ASSERT_TRUE(held.Await());
  Report(1, true, 1);
  buffer().Poll();
  EXPECT_EQ(request.runs(), 1);
  held.LetGo();
  ASSERT_TRUE(submit.Join());
  request.EndRetry();
  request.Cancel();
  request.ExpectOneOutcome("the request");
}

TEST_F(NamedRacesTest, ACancellationBetweenHoldAndSleepIsNotLost) {
  Cancellation cancellation;
  absl::StatusOr<RetryDoneFunc> result;
  StopAt held("wait:before-block");
  Step wait([&] {
    RequestContext context;
    context.cancellation = &cancellation;
    result = buffer().WaitForFailoverEnd(context, shard(), FailoverError());
  });
  ASSERT_TRUE(held.Await());
  cancellation.Cancel();
  held.LetGo();
  ASSERT_TRUE(wait.Join());
  EXPECT_EQ(ReasonOf(result.status()), BufferErrorReason::kCancelled);
}

TEST_F(NamedRacesTest, WhatEndsAWaitBeforeItsFiberParksIsNotLost) {
  // After "submit:after-lock" the Cancellation has no hook yet.
  for (const char* const point : {"submit:after-lock", "wait-on:before-park"}) {
    for (const bool cancels : {true, false}) {
      SCOPED_TRACE(std::string(point) + (cancels ? ", cancelled" : ", released"));
      Cancellation cancellation;
      absl::StatusOr<RetryDoneFunc> result;
      StopAt held(point);
      Step wait([&] {
        RequestContext context;
        context.cancellation = &cancellation;
        result = WaitForFailoverEndOn<Baton>(buffer(), context, shard(), FailoverError());
      });
      ASSERT_TRUE(held.Await());
      if (cancels) {
        cancellation.Cancel();
      } else {
        EXPECT_TRUE(buffer().StopBuffering(shard()));
      }
      held.LetGo();
      ASSERT_TRUE(wait.Join());
      if (cancels) {
        EXPECT_EQ(ReasonOf(result.status()), BufferErrorReason::kCancelled);
        EXPECT_TRUE(buffer().StopBuffering(shard()));
      } else {
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_TRUE(*result);
      }
      result = RetryDoneFunc();
      AdvanceBeyondGuards();
    }
  }
}

TEST_F(NamedRacesTest, AReleaseBetweenHoldAndSleepIsNotLost) {
  absl::StatusOr<RetryDoneFunc> result;
  StopAt held("wait:before-block");
  Step wait([&] { result = buffer().WaitForFailoverEnd({}, shard(), FailoverError()); });
  ASSERT_TRUE(held.Await());
  Report(1, true, 1);
  held.LetGo();
  ASSERT_TRUE(wait.Join());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->released_by(), StopReason::kNewPrimarySeen);
  (*result)();
}

TEST_F(NamedRacesTest, AReleasedThreadIsNotCancelledBeforeItWakes) {
  Cancellation cancellation;
  absl::StatusOr<RetryDoneFunc> result;
  Step wait([&] {
    RequestContext context;
    context.cancellation = &cancellation;
    result = buffer().WaitForFailoverEnd(context, shard(), FailoverError());
  });
  ASSERT_TRUE(wait.EndsOrStands());
  StopAt decided("report:after-lock");
  Step report([&] { Report(1, true, 1); });
  ASSERT_TRUE(decided.Await());
  cancellation.Cancel();
  EXPECT_FALSE(wait.ended());
  decided.LetGo();
  ASSERT_TRUE(wait.Join());
  ASSERT_TRUE(result.ok()) << result.status();
  (*result)();
}

TEST_F(NamedRacesTest, ACancelledThreadIsNotReleasedBeforeItWakes) {
  Cancellation cancellation;
  absl::StatusOr<RetryDoneFunc> result;
  Step wait([&] {
    RequestContext context;
    context.cancellation = &cancellation;
    result = buffer().WaitForFailoverEnd(context, shard(), FailoverError());
  });
  ASSERT_TRUE(wait.EndsOrStands());
  StopAt decided("cancellation:after-lock");
  Step cancel([&] { cancellation.Cancel(); });
  ASSERT_TRUE(decided.Await());
  Report(1, true, 1);
  EXPECT_FALSE(wait.ended());
  decided.LetGo();
  ASSERT_TRUE(wait.Join());
  EXPECT_EQ(ReasonOf(result.status()), BufferErrorReason::kCancelled);
}

// A blocked thread whose own time is over looks for itself, while another thread has released it
// but has not woken it yet. The waiter must not leave before that thread has woken it.
TEST_F(NamedRacesTest, AThreadWhoseTimeIsOverWaitsForTheOneThatReleasesIt) {
  const std::unique_ptr<Buffer> buffer = Make(RealTimeOptions());
  absl::StatusOr<RetryDoneFunc> result;
  StopAt over("wait:own-deadline");
  Step wait([&] {
    RequestContext context;
    context.timeout = absl::Milliseconds(1);
    result = buffer->WaitForFailoverEnd(context, buffer->GetShard("ks", "0"), FailoverError());
  });
  ASSERT_TRUE(over.Await());
  StopAt decided("report:after-lock");
  Step report([&] { buffer->StatsUpdate(PrimaryReport(1, true, 1)); });
  ASSERT_TRUE(decided.Await());
  StopAt parks("wait:parks-again");
  over.LetGo();
  ASSERT_TRUE(parks.Await());
  parks.LetGo();
  EXPECT_FALSE(wait.ended());
  decided.LetGo();
  ASSERT_TRUE(report.Join());
  ASSERT_TRUE(wait.Join());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->released_by(), StopReason::kNewPrimarySeen);
}

TEST_F(NamedRacesTest, AThreadWhoseTimeIsOverEndsItsOwnWait) {
  const std::unique_ptr<Buffer> buffer = Make(RealTimeOptions());
  absl::StatusOr<RetryDoneFunc> result;
  StopAt over("timer:after-lock");
  Step wait([&] {
    RequestContext context;
    context.timeout = absl::Milliseconds(1);
    result = buffer->WaitForFailoverEnd(context, buffer->GetShard("ks", "0"), FailoverError());
  });
  ASSERT_TRUE(over.Await());
  buffer->StatsUpdate(PrimaryReport(1, true, 1));
  over.LetGo();
  ASSERT_TRUE(wait.Join());
  EXPECT_EQ(ReasonOf(result.status()), BufferErrorReason::kTimeout);
}

// A router destroys the coroutine when its client goes: on the thread that polls, and at any moment
// of a release.
TEST_F(NamedRacesTest, ACoroutineThatIsDestroyedWhileItIsReleasedIsNeverResumed) {
  int ends = 0;
  std::optional<Task> request = AwaitEndInTask(buffer(), shard(), FailoverError(), &ends);
  const AsyncRequest next = Request();
  StopAt decided("report:after-lock");
  Step report([&] { Report(1, true, 1); });
  ASSERT_TRUE(decided.Await());
  request.reset();
  decided.LetGo();
  ASSERT_TRUE(report.Join());
  PollAll();
  EXPECT_EQ(ends, 0);
  EXPECT_TRUE(next.released()) << "the turn of the one that is gone was not given to the next";
}

TEST_F(NamedRacesTest, ACoroutineThatIsReleasedWhileItIsDestroyedIsNeverResumed) {
  int ends = 0;
  std::optional<Task> request = AwaitEndInTask(buffer(), shard(), FailoverError(), &ends);
  const AsyncRequest next = Request();
  StopAt cancelling("cancel:before-lock");
  Step destroy([&] { request.reset(); });
  ASSERT_TRUE(cancelling.Await());
  Report(1, true, 1);
  cancelling.LetGo();
  ASSERT_TRUE(destroy.Join());
  PollAll();
  EXPECT_EQ(ends, 0);
  EXPECT_TRUE(next.released());
}

// ---- The Cancellation of an asynchronous wait --------------------------------------------------

TEST_F(NamedRacesTest, ACancellationJustBeforeACallbackIsHeldIsNotLost) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  absl::StatusOr<BufferedRequest> request = absl::UnknownError("not called yet");
  StopAt not_held("submit:before-lock");
  Step submit([&] {
    request = buffer().WaitForFailoverEndAsync(
        context, shard(), FailoverError(),
        [](const absl::StatusOr<RetryDoneFunc>&) { ADD_FAILURE() << "the call is refused"; });
  });
  ASSERT_TRUE(not_held.Await());
  cancellation.Cancel();
  not_held.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(ReasonOf(request.status()), BufferErrorReason::kCancelled);
}

TEST_F(NamedRacesTest, ACancellationJustAfterACoroutineIsHeldIsNotLost) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  absl::Status ended;
  StopAt held("submit:after-lock");
  Step submit([&] { KeepTheEnd(buffer(), shard(), context, ended); });
  ASSERT_TRUE(held.Await());
  cancellation.Cancel();
  buffer().Poll();
  EXPECT_EQ(ReasonOf(ended), BufferErrorReason::kCancelled);
  held.LetGo();
  ASSERT_TRUE(submit.Join());
}

// The request is released after Cancel has seen its hook, and before Cancel looks at the shard.
TEST_F(NamedRacesTest, ARequestThatIsReleasedWhileItIsCancelledEndsOnce) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  int runs = 0;
  const BufferedRequest request = *buffer().WaitForFailoverEndAsync(
      context, shard(), FailoverError(), [&runs](const absl::StatusOr<RetryDoneFunc>& done) {
        ++runs;
        EXPECT_TRUE(done.ok());
      });
  StopAt looks("cancellation:before-shard-lock");
  Step cancel([&] { cancellation.Cancel(); });
  ASSERT_TRUE(looks.Await());
  Report(1, true, 1);
  looks.LetGo();
  ASSERT_TRUE(cancel.Join());
  buffer().Poll();
  EXPECT_EQ(runs, 1);
}

// ---- Errors -------------------------------------------------------------------------------------

TEST_F(NamedRacesTest, AnErrorThatTwoMakeAtTheSameTimeIsOne) {
  internal::SharedError error;
  const auto make = [] { return absl::UnavailableError("evicted"); };
  absl::Status slow;
  StopAt made("shared-error:before-publish");
  Step first([&] { slow = error.Get(make); });
  ASSERT_TRUE(made.Await());
  const absl::Status fast = error.Get(make);
  made.LetGo();
  ASSERT_TRUE(first.Join());
  EXPECT_EQ(slow, fast);
  EXPECT_EQ(error.Get(make).message().data(), fast.message().data());
}

// ---- Handles ------------------------------------------------------------------------------------

TEST_F(NamedRacesTest, TheDestructorOfAHandleWaitsForTheCallbackThatIsAboutToRun) {
  Signal ran;
  BufferedRequest handle = *buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); });
  Report(1, true, 1);
  StopAt popped("callback:before");
  Step poll([&] { buffer().Poll(); });
  ASSERT_TRUE(popped.Await());
  EXPECT_FALSE(handle.Cancel());
  int runs_when_destroyed = 0;
  Step destroy([&] {
    { const BufferedRequest last = std::move(handle); }
    runs_when_destroyed = ran.given();
  });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  popped.LetGo();
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(runs_when_destroyed, 1);
  ASSERT_TRUE(poll.Join());
}

TEST_F(NamedRacesTest, ACancelBetweenReleaseAndCallbackWins) {
  AsyncRequest request = Fail();
  StopAt decided("report:after-lock");
  Step report([&] { Report(1, true, 1); });
  ASSERT_TRUE(decided.Await());
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_TRUE(request.callback_destroyed());
  decided.LetGo();
  ASSERT_TRUE(report.Join());
  PollAll();
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(NamedRacesTest, AHandleWaitsForNoCallbackButItsOwnWhichMayEndBeforeItWaits) {
  Signal ran;
  const auto give = [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); };
  BufferedRequest handle = *buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), give);
  const BufferedRequest next =
      *buffer().WaitForFailoverEndAsync({}, shard(), absl::OkStatus(), give);
  Report(1, true, 1);
  StopAt popped("callback:before");
  Step poll([&] { buffer().Poll(); });
  ASSERT_TRUE(popped.Await());
  StopAt lost("handle:before-wait");
  Step destroy([&] { const BufferedRequest last = std::move(handle); });
  ASSERT_TRUE(lost.Await());
  StopAt next_popped("callback:before");
  popped.LetGo();
  ASSERT_TRUE(next_popped.Await());
  EXPECT_EQ(ran.given(), 1);
  lost.LetGo();
  EXPECT_TRUE(destroy.Join()) << "it waits for a callback that has run, or for another";
  next_popped.LetGo();
  ASSERT_TRUE(poll.Join());
  EXPECT_EQ(ran.given(), 2);
}

TEST_F(NamedRacesTest, APollDoesNotRunWhatACancelHasTakenBack) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 2;
  Create(options);
  AsyncRequest request = Fail();
  const AsyncRequest other = Request();
  Report(1, true, 1);
  StopAt took_back("cancel:took-back");
  Step cancel([&] { EXPECT_TRUE(request.handle().Cancel()); });
  ASSERT_TRUE(took_back.Await());
  StopAt popped("callback:before");
  Step poll([&] { buffer().Poll(); });
  ASSERT_TRUE(popped.Await());
  popped.LetGo();
  took_back.LetGo();
  ASSERT_TRUE(cancel.Join());
  ASSERT_TRUE(poll.Join());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(other.runs(), 1);
}

}  // namespace
}  // namespace failover::test
