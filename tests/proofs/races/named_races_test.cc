// Races that have a name. Each test brings the threads into the order that was, or could be,
// harmful.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "detached.h"
#include "failover/coroutine.h"
#include "racing_request.h"
#include "shard/buffer_error.h"
#include "support/buffer_test.h"
#include "support/task.h"
#include "support/thread_signal.h"
#include "sync_points.h"

namespace failover::test {
namespace {

Detached AwaitEnd(Buffer& buffer, ShardHandle shard, absl::Status error, std::atomic<int>* ends) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, std::move(error));
  EXPECT_TRUE(done.ok()) << done.status();
  ++*ends;
}

Task AwaitEndInTask(Buffer& buffer, ShardHandle shard, absl::Status error, int* ends) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, std::move(error));
  ++*ends;
}

// A clock that counts how often it is read after its end.
class MortalClock final : public Clock {
 public:
  absl::Time Now() override {
    if (dead_) ++calls_after_death_;
    return absl::UnixEpoch();
  }
  void Die() { dead_ = true; }
  int calls_after_death() const { return calls_after_death_; }

 private:
  std::atomic<bool> dead_{false};
  std::atomic<int> calls_after_death_{0};
};

class NamedRacesTest : public BufferTest {
 protected:
  // Makes a Buffer that the fixture does not know, and that the test destroys.
  static std::unique_ptr<Buffer> Make(BufferOptions options) {
    absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // Options with the real clock and a service thread.
  static BufferOptions ServiceOptions() {
    BufferOptions options;
    options.size = 10;
    return options;
  }
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

// ---- Timers and polls ---------------------------------------------------------------------------

TEST_F(NamedRacesTest, TheTimerOfAnEarlierFailoverDoesNotEndTheNext) {
  AsyncRequest first = Fail();
  clock_.Advance(absl::Seconds(20));
  StopAt fired("timer:before-lock");
  Step poll([&] { buffer().Poll(); });
  ASSERT_TRUE(fired.Await());
  Report(1, true, 1);
  EXPECT_TRUE(first.handle().Cancel());
  clock_.Advance(absl::Hours(1));
  const AsyncRequest second = Fail();
  EXPECT_TRUE(second.held());
  fired.LetGo();
  ASSERT_TRUE(poll.Join());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(NamedRacesTest, ADeadlineThatComesUpWhilePollEndsIsInItsAnswerOrAWakeUp) {
  constexpr absl::Duration kTimeout = absl::Milliseconds(3);
  for (const char* const point : {"poll:before-end", "poll:ended"}) {
    std::atomic<int> wakeups{0};
    BufferOptions options = ManualOptions();
    options.wakeup = [&wakeups] { ++wakeups; };
    Create(options);
    absl::Duration answer;
    StopAt ending(point);
    Step poll([&] { answer = buffer().Poll(); });
    ASSERT_TRUE(ending.Await()) << point;
    RequestContext context;
    context.timeout = kTimeout;
    const AsyncRequest request = Fail(context);
    ending.LetGo();
    ASSERT_TRUE(poll.Join());
    EXPECT_TRUE(answer <= kTimeout || wakeups > 0) << point;
    Advance(kTimeout);
    EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout) << point;
    Destroy();
    Create(ManualOptions());
  }
}

// Poll gives its answer and remembers it in one step. A request that comes just after is compared
// with this answer, not with the answer of an earlier Poll, which the event loop has forgotten.
TEST_F(NamedRacesTest, ADeadlineThatComesUpWhilePollEndsIsNotMeasuredByAnEarlierAnswer) {
  std::atomic<int> wakeups{0};
  BufferOptions options = ManualOptions();
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  RequestContext context;
  context.timeout = absl::Seconds(3);
  AsyncRequest first = Fail(context);
  EXPECT_EQ(buffer().Poll(), absl::Seconds(3));
  EXPECT_TRUE(first.handle().Cancel());
  absl::Duration answer;
  StopAt ending("poll:ended");
  Step poll([&] { answer = buffer().Poll(); });
  ASSERT_TRUE(ending.Await());
  const int before = wakeups;
  context.timeout = absl::Seconds(5);
  const AsyncRequest request = Fail(context);
  ending.LetGo();
  ASSERT_TRUE(poll.Join());
  EXPECT_TRUE(answer <= context.timeout || wakeups > before) << "nobody tells the event loop";
  Advance(context.timeout);
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
  Destroy();
  Create(ManualOptions());
}

TEST_F(NamedRacesTest, AWakeUpThatComesBeforeTheServiceThreadSleepsIsNotLost) {
  StopAt about_to_sleep("service:before-sleep");
  const std::unique_ptr<Buffer> buffer = Make(ServiceOptions());
  ASSERT_TRUE(about_to_sleep.Await());
  Signal ran;
  const ShardHandle shard = buffer->GetShard("ks", "0");
  const BufferedRequest handle = *buffer->WaitForFailoverEndAsync(
      {}, shard, FailoverError(), [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); });
  EXPECT_TRUE(buffer->StopBuffering(shard));
  about_to_sleep.LetGo();
  EXPECT_TRUE(ran.Await());
}

// ---- The end ------------------------------------------------------------------------------------

TEST_F(NamedRacesTest, ARequestThatPassedTheGateBeforeShutdownIsNotHeldAfterIt) {
  std::optional<AsyncRequest> request;
  StopAt window("submit:before-lock");
  Step submit([&] { request.emplace(Fail()); });
  ASSERT_TRUE(window.Await());
  buffer().Shutdown();
  window.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_TRUE(request->passed());
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kShutdown), 1u);
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(NamedRacesTest, AShardThatIsMadeWhileTheBufferShutsDownIsInert) {
  std::optional<ShardHandle> made;
  StopAt window("make-known:before-lock");
  Step get([&] { made = buffer().GetShard("ks", "new"); });
  ASSERT_TRUE(window.Await());
  buffer().Shutdown();
  window.LetGo();
  ASSERT_TRUE(get.Join());
  EXPECT_FALSE(*made);
  EXPECT_EQ(buffer().GetShardStats("ks", "new"), std::nullopt);
}

TEST_F(NamedRacesTest, ShutdownReturnsOnlyAfterTheWakeUpThatIsUnderWay) {
  std::atomic<int> wakeups{0};
  BufferOptions options = ManualOptions();
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  RacingRequest request;
  StopAt decided("submit:after-lock");
  Step submit([&] { request.Submit(buffer(), shard(), FailoverError()); });
  ASSERT_TRUE(decided.Await());
  int wakeups_at_return = 0;
  Step shutdown([&] {
    buffer().Shutdown();
    wakeups_at_return = wakeups;
  });
  ASSERT_TRUE(shutdown.EndsOrStands());
  decided.LetGo();
  ASSERT_TRUE(shutdown.Join());
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(wakeups, wakeups_at_return);
  EXPECT_GT(wakeups, 0);
  Destroy();
  Create(ManualOptions());
}

// If a request is cancelled between its release and its callback, the cancel gives the slot back. A
// shutdown that waits for the slot must be told of that, or it waits for the whole grace.
TEST_F(NamedRacesTest, ShutdownNoticesTheSlotThatACancelGivesBack) {
  BufferOptions options = ServiceOptions();
  options.shutdown_grace = absl::Hours(1);
  std::unique_ptr<Buffer> buffer = Make(options);
  const auto drop = [](const absl::StatusOr<RetryDoneFunc>&) {};
  // The shards are closed in this order. The callback of the first keeps the service thread from
  // running the callback of the second.
  const ShardHandle first = buffer->GetShard("ks", "first");
  const ShardHandle second = buffer->GetShard("ks", "second");
  const BufferedRequest other = *buffer->WaitForFailoverEndAsync({}, first, FailoverError(), drop);
  BufferedRequest cancelled = *buffer->WaitForFailoverEndAsync({}, second, FailoverError(), drop);

  StopAt running("callback:before");
  StopAt idle("shutdown:idle");
  Step shutdown([&] { buffer->Shutdown(); });
  ASSERT_TRUE(running.Await());
  ASSERT_TRUE(shutdown.AwaitWaits(1));
  StopAt took_back("cancel:took-back");
  Step cancel([&] { EXPECT_TRUE(cancelled.Cancel()); });
  ASSERT_TRUE(took_back.Await());
  running.LetGo();
  ASSERT_TRUE(idle.Await());
  const int waits = shutdown.waits();
  idle.LetGo();
  ASSERT_TRUE(shutdown.AwaitWaits(waits + 1));
  took_back.LetGo();
  ASSERT_TRUE(cancel.Join());
  EXPECT_TRUE(shutdown.Join()) << "it waits for a slot that is free";
}

TEST_F(NamedRacesTest, TheEndOfARetryUsesNoClockOfABufferThatIsGone) {
  MortalClock clock;
  BufferOptions options = ManualOptions();
  options.clock = &clock;
  std::unique_ptr<Buffer> buffer = Make(options);
  RetryDoneFunc token;
  const BufferedRequest handle = *buffer->WaitForFailoverEndAsync(
      {}, buffer->GetShard("ks", "0"), FailoverError(),
      [&token](absl::StatusOr<RetryDoneFunc> result) { token = *std::move(result); });
  buffer->StatsUpdate(PrimaryReport(1, true, 1));
  buffer->Poll();
  ASSERT_TRUE(token);
  StopAt decided("retry-end:after-lock");
  Step end([&] { token(); });
  ASSERT_TRUE(decided.Await());
  Step destroy([&] {
    buffer.reset();
    clock.Die();
  });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  decided.LetGo();
  ASSERT_TRUE(end.Join());
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(clock.calls_after_death(), 0);
}

TEST_F(NamedRacesTest, TheBufferIsDestroyedOnlyAfterThePollThatRuns) {
  for (const char* const point : {"poll:before-end", "poll:ended"}) {
    std::unique_ptr<Buffer> buffer = Make(ManualOptions());
    StopAt ending(point);
    Step poll([&] { buffer->Poll(); });
    ASSERT_TRUE(ending.Await()) << point;
    Step destroy([&] { buffer.reset(); });
    ASSERT_TRUE(destroy.EndsOrStands());
    EXPECT_FALSE(destroy.ended());
    ending.LetGo();
    EXPECT_TRUE(poll.Join());
    EXPECT_TRUE(destroy.Join());
  }
}

TEST_F(NamedRacesTest, TheBufferIsDestroyedOnlyAfterTheShutdownThatRuns) {
  std::unique_ptr<Buffer> buffer = Make(ManualOptions());
  StopAt ending("shutdown:done");
  Step shutdown([&] { buffer->Shutdown(); });
  ASSERT_TRUE(ending.Await());
  Step destroy([&] { buffer.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  ending.LetGo();
  EXPECT_TRUE(shutdown.Join());
  EXPECT_TRUE(destroy.Join());
}

// The Shutdown of another thread releases a request, whose callback destroys the Buffer while that
// Shutdown has still to close the second shard. The request that the second shard holds must be
// released, too.
void DestroyInACallbackWhileShardsAreClosed(std::unique_ptr<Buffer> own, bool polls) {
  Buffer& watched = *own;
  Signal first_ran;
  Signal second_ran;
  std::optional<StopReason> second_released_by;
  const BufferedRequest first =
      *watched.WaitForFailoverEndAsync({}, watched.GetShard("ks", "first"), FailoverError(),
                                       [&](const absl::StatusOr<RetryDoneFunc>&) {
                                         own.reset();
                                         first_ran.Give();
                                       });
  const BufferedRequest second =
      *watched.WaitForFailoverEndAsync({}, watched.GetShard("ks", "second"), FailoverError(),
                                       [&](const absl::StatusOr<RetryDoneFunc>& result) {
                                         if (result.ok())
                                           second_released_by = result->released_by();
                                         second_ran.Give();
                                       });
  StopAt closed_the_first("close:before-lock", /*passes=*/1);
  Step shutdown([&] { watched.Shutdown(); });
  ASSERT_TRUE(closed_the_first.Await());
  Step poll([&] {
    if (polls) watched.Poll();
  });
  ASSERT_TRUE(poll.EndsOrStands());
  ASSERT_TRUE(first_ran.Await());
  closed_the_first.LetGo();
  EXPECT_TRUE(second_ran.Await()) << "the request of the second shard is stuck";
  EXPECT_TRUE(poll.Join());
  EXPECT_TRUE(shutdown.Join());
  EXPECT_EQ(second_released_by, StopReason::kShutdown);
}

TEST_F(NamedRacesTest, BugLastRites_ABufferThatItsPollDestroysWaitsForTheShutdownOfAnotherThread) {
  DestroyInACallbackWhileShardsAreClosed(Make(ManualOptions()), /*polls=*/true);
}

TEST_F(NamedRacesTest, BugLastRites_ABufferThatItsThreadDestroysWaitsForTheShutdownOfAnother) {
  DestroyInACallbackWhileShardsAreClosed(Make(ServiceOptions()), /*polls=*/false);
}

// The Shutdown of another thread waits for the callbacks, and one of them destroys the Buffer. The
// other callbacks still run, and both threads end.
TEST_F(NamedRacesTest, ACallbackThatDestroysTheBufferDoesNotStopThoseThatAShutdownWaitsFor) {
  std::unique_ptr<Buffer> own = Make(ServiceOptions());
  Buffer& watched = *own;
  Signal ran;
  const BufferedRequest first =
      *watched.WaitForFailoverEndAsync({}, watched.GetShard("ks", "first"), FailoverError(),
                                       [&](const absl::StatusOr<RetryDoneFunc>&) { own.reset(); });
  const BufferedRequest second =
      *watched.WaitForFailoverEndAsync({}, watched.GetShard("ks", "second"), FailoverError(),
                                       [&](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); });
  StopAt running("callback:before");
  Step shutdown([&] { watched.Shutdown(); });
  ASSERT_TRUE(running.Await());
  ASSERT_TRUE(shutdown.AwaitWaits(1));
  running.LetGo();
  EXPECT_TRUE(ran.Await());
  EXPECT_TRUE(shutdown.Join());
}

TEST_F(NamedRacesTest, TheBufferIsDestroyedOnlyAfterTheCallThatHeldACoroutine) {
  std::unique_ptr<Buffer> buffer = Make(ManualOptions());
  std::atomic<int> ends{0};
  StopAt held("submit:after-lock");
  Step submit([&] { AwaitEnd(*buffer, buffer->GetShard("ks", "0"), FailoverError(), &ends); });
  ASSERT_TRUE(held.Await());
  Step destroy([&] { buffer.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  held.LetGo();
  ASSERT_TRUE(submit.Join());
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(ends, 1);
}

// A request that the event released for its first shard may make a thread destroy the Buffer, while
// the event is on its way to the second shard.
TEST_F(NamedRacesTest, BugEventOfTwoShards_TheBufferIsDestroyedOnlyAfterTheSecond) {
  std::unique_ptr<Buffer> buffer = Make(ManualOptions());
  KeyspaceEvent event;
  event.keyspace = "ks";
  for (const char* shard : {"0", "1"}) {
    event.shards.push_back({{"zone1", 1}, {"ks", shard, TabletType::kPrimary}, true});
  }
  StopAt between("event:after-lock");
  Step feed([&] { buffer->HandleKeyspaceEvent(event); });
  ASSERT_TRUE(between.Await());
  Step destroy([&] { buffer.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  between.LetGo();
  ASSERT_TRUE(feed.Join());
  ASSERT_TRUE(destroy.Join());
}

TEST_F(NamedRacesTest, TheBufferIsDestroyedOnlyAfterTheBlockedCallerHasLeft) {
  std::unique_ptr<Buffer> buffer = Make(ManualOptions());
  absl::StatusOr<RetryDoneFunc> result;
  StopAt held("wait:before-block");
  Step wait([&] {
    result = buffer->WaitForFailoverEnd({}, buffer->GetShard("ks", "0"), FailoverError());
  });
  ASSERT_TRUE(held.Await());
  Step destroy([&] { buffer.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  held.LetGo();
  ASSERT_TRUE(wait.Join());
  ASSERT_TRUE(destroy.Join());
  ASSERT_TRUE(result.ok()) << result.status();
  (*result)();
}

}  // namespace
}  // namespace failover::test
