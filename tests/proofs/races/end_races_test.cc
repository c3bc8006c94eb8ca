// Races of the end of a Buffer: Shutdown and the destructor.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "detached.h"
#include "failover/coroutine.h"
#include "named_races.h"
#include "racing_request.h"
#include "support/thread_signal.h"
#include "sync_points.h"

namespace failover::test {
namespace {

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

// Another thread shuts down, and stands between its two shards while the wait of the first shard
// ends.
void ShutDownWhileTheFirstRuns(Buffer& watched, bool polls, Signal& first_ran, Signal& second_ran) {
  StopAt closed_the_first("close:before-lock", /*passes=*/1);
  Step shutdown([&] { watched.Shutdown(); });
  ASSERT_TRUE(closed_the_first.Await());
  Step poll([&] {
    if (polls) watched.Poll();
  });
  ASSERT_TRUE(poll.EndsOrStands());
  ASSERT_TRUE(first_ran.Await());
  closed_the_first.LetGo();
  EXPECT_TRUE(second_ran.Await()) << "the wait of the second shard is stuck";
  EXPECT_TRUE(poll.Join());
  EXPECT_TRUE(shutdown.Join());
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
  ShutDownWhileTheFirstRuns(watched, polls, first_ran, second_ran);
  EXPECT_EQ(second_released_by, StopReason::kShutdown);
}

TEST_F(NamedRacesTest, BugLastRites_ABufferThatItsPollDestroysWaitsForTheShutdownOfAnotherThread) {
  DestroyInACallbackWhileShardsAreClosed(Make(ManualOptions()), /*polls=*/true);
}

TEST_F(NamedRacesTest, BugLastRites_ABufferThatItsThreadDestroysWaitsForTheShutdownOfAnother) {
  DestroyInACallbackWhileShardsAreClosed(Make(ServiceOptions()), /*polls=*/false);
}

Detached DestroyWhenResumed(std::unique_ptr<Buffer>& own, ShardHandle shard, Signal& ran) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(*own, {}, shard, FailoverError());
  own.reset();
  ran.Give();
}

Detached NoteTheEnd(Buffer& buffer, ShardHandle shard, std::optional<StopReason>& released_by,
                    Signal& ran) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, FailoverError());
  if (done.ok()) released_by = done->released_by();
  ran.Give();
}

// The same with coroutines, whose waiters are gone as soon as they are resumed.
void DestroyInACoroutineWhileShardsAreClosed(std::unique_ptr<Buffer> own, bool polls) {
  Buffer& watched = *own;
  Signal first_ran;
  Signal second_ran;
  std::optional<StopReason> second_released_by;
  DestroyWhenResumed(own, watched.GetShard("ks", "first"), first_ran);
  NoteTheEnd(watched, watched.GetShard("ks", "second"), second_released_by, second_ran);
  ShutDownWhileTheFirstRuns(watched, polls, first_ran, second_ran);
  EXPECT_EQ(second_released_by, StopReason::kShutdown);
}

TEST_F(NamedRacesTest, BugLastRites_ACoroutineThatPollResumesDestroysTheBuffer) {
  DestroyInACoroutineWhileShardsAreClosed(Make(ManualOptions()), /*polls=*/true);
}

TEST_F(NamedRacesTest, BugLastRites_ACoroutineThatTheThreadResumesDestroysTheBuffer) {
  DestroyInACoroutineWhileShardsAreClosed(Make(ServiceOptions()), /*polls=*/false);
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
