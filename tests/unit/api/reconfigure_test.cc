// These tests cover Buffer::Reconfigure: which options may change, what happens to requests that
// are held, and shards that begin or stop to buffer. reconfigure_limits_test.cc has the limits.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "failover/switchover.h"
#include "failover/transition.h"
#include "reloading_test.h"

namespace failover::test {
namespace {

class ReconfigureTest : public ReloadingTest {
 protected:
  void ExpectError(const BufferOptions& options, std::string_view names) {
    const BufferOptions before = buffer().options();
    const absl::Status status = buffer().Reconfigure(options);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), {names.data(), names.size()})) << status;
    EXPECT_EQ(buffer().options().window, before.window);
    EXPECT_EQ(buffer().options().size, before.size);
  }
  std::uint64_t Disabled() { return At(Stats().requests_skipped, SkippedReason::kDisabled); }
};

// ---- The call -----------------------------------------------------------------------------------

TEST_F(ReconfigureTest, OptionsTellsWhatIsInForce) {
  EXPECT_EQ(buffer().options().size, 10);
  EXPECT_EQ(buffer().options().clock, &clock_);
  Reconfigure([](BufferOptions& options) {
    options.size = 7;
    options.keyspace_shards = "ks/0, other";
    options.shutdown_grace = absl::Seconds(3);
  });
  EXPECT_EQ(buffer().options().size, 7);
  EXPECT_EQ(buffer().Stats().size, 7u);
  EXPECT_EQ(buffer().options().keyspace_shards, "ks/0, other");
  EXPECT_EQ(buffer().options().shutdown_grace, absl::Seconds(3));
  EXPECT_EQ(buffer().options().clock, &clock_);
}

TEST_F(ReconfigureTest, AnErrorNamesTheOptionAndChangesNothing) {
  BufferOptions options = buffer().options();
  options.size = 20;
  options.window = absl::Milliseconds(1);
  ExpectError(options, "window");
  options.window = absl::Seconds(10);
  options.keyspace_shards = "ks,,other";
  ExpectError(options, "keyspace_shards");
  options.keyspace_shards = "";
  options.threading = Threading::kServiceThread;
  ExpectError(options, "threading");
  options.threading = Threading::kManual;
  options.clock = nullptr;
  ExpectError(options, "clock");
}

TEST_F(ReconfigureTest, TheFunctionsStayThoseOfCreate) {
  int told = 0;
  BufferOptions options = ManualOptions();
  options.on_transition = [&told](const Transition&) { ++told; };
  options.caused_by_failover = [](const absl::Status& error) { return absl::IsAborted(error); };
  Create(options);
  options.on_transition = nullptr;
  options.caused_by_failover = nullptr;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  EXPECT_TRUE(buffer().IsFailover(absl::AbortedError("")));
  EXPECT_FALSE(buffer().IsFailover(FailoverError()));
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(buffer().options().on_transition != nullptr);
  // The listener uses a variable of this test.
  Destroy();
}

TEST_F(ReconfigureTest, TheLogTellsWhatHasChanged) {
  Reconfigure([](BufferOptions& options) { options.size = 7; });
  EXPECT_EQ(log_.Count("info: options changed: size from 10 to 7"), 1u);
  Reconfigure([](BufferOptions&) {});
  EXPECT_EQ(log_.Count("none has changed"), 1u);
}

TEST_F(ReconfigureTest, AfterShutdownNothingChanges) {
  buffer().Shutdown();
  BufferOptions options = buffer().options();
  options.size = 7;
  EXPECT_TRUE(absl::IsFailedPrecondition(buffer().Reconfigure(options)));
  EXPECT_EQ(buffer().options().size, 10);
  EXPECT_EQ(buffer().Stats().size, 10u);
}

TEST_F(ReconfigureTest, AReloadOfTheSameOptionsReleasesNobody) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  Reconfigure([](BufferOptions&) {});
  EXPECT_FALSE(first.done() || second.done());
  EXPECT_EQ(Stats().requests_held, 2u);
  EXPECT_EQ(Stats().starts, 1u);
}

// ---- Windows ------------------------------------------------------------------------------------

TEST_F(ReconfigureTest, WhatIsHeldKeepsItsWindowWhenTheWindowGetsShorter) {
  const AsyncRequest before = Fail();
  Advance(absl::Seconds(1));
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(2); });
  const AsyncRequest after = Request();
  Advance(absl::Seconds(2) - absl::Nanoseconds(1));
  EXPECT_FALSE(after.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(after.released()) << "its own window is over";
  EXPECT_FALSE(before.done());
  Advance(absl::Seconds(7) - absl::Nanoseconds(1));
  EXPECT_FALSE(before.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(before.released());
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kWindowExceeded), 2u);
}

TEST_F(ReconfigureTest, WhatIsHeldKeepsItsWindowWhenTheWindowGetsLonger) {
  const AsyncRequest before = Fail();
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(20); });
  const AsyncRequest after = Request();
  Advance(absl::Seconds(10));
  EXPECT_TRUE(before.released());
  EXPECT_FALSE(after.done());
}

TEST_F(ReconfigureTest, EachOfThreeWindowsEndsInItsTime) {
  const AsyncRequest ten = Fail();
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(3); });
  const AsyncRequest three = Request();
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(6); });
  const AsyncRequest six = Request();
  Advance(absl::Seconds(3));
  EXPECT_TRUE(three.released());
  EXPECT_FALSE(six.done() || ten.done());
  Advance(absl::Seconds(3));
  EXPECT_TRUE(six.released());
  EXPECT_FALSE(ten.done());
  Advance(absl::Seconds(4));
  EXPECT_TRUE(ten.released());
}

TEST_F(ReconfigureTest, ARequestThatComesBackHasTheWindowOfItsFirstHold) {
  RequestContext context;
  context.may_probe = true;
  AsyncRequest probe = Fail(context);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(probe.released());
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(2); });
  const AsyncRequest later = Request();
  const AsyncRequest again(buffer(), shard(),
                           LastAttempt(FailoverError()).After(std::move(probe.token())), {});
  ASSERT_TRUE(again.held());
  EXPECT_EQ(clock_.Now() - *Stats().oldest_held_since, absl::Seconds(1));
  Advance(absl::Seconds(2));
  EXPECT_TRUE(later.released());
  EXPECT_FALSE(again.done()) << "it has its old place, and eight more seconds";
  Advance(absl::Seconds(7));
  EXPECT_TRUE(again.released());
}

TEST_F(ReconfigureTest, TheStatisticsKnowSinceWhenARequestIsHeld) {
  const absl::Time begin = clock_.Now();
  AsyncRequest first = Fail();
  clock_.Advance(absl::Seconds(1));
  Reconfigure([](BufferOptions& options) { options.window = absl::Seconds(4); });
  const AsyncRequest second = Request();
  EXPECT_EQ(Stats().oldest_held_since, begin);
  EXPECT_TRUE(first.handle().Cancel());
  EXPECT_EQ(Stats().oldest_held_since, begin + absl::Seconds(1));
  EXPECT_DOUBLE_EQ(Stats().held_durations[WayOut::kContextDone].sum_seconds, 1);
}

TEST_F(ReconfigureTest, AHoldKeepsItsLongestDuration) {
  buffer().StartBuffering(shard(), "a test");
  Reconfigure([](BufferOptions& options) {
    options.window = options.max_failover_duration = absl::Seconds(2);
  });
  Advance(absl::Seconds(20) - absl::Nanoseconds(1));
  EXPECT_EQ(Stats().state, State::kBuffering);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Stats().state, State::kIdle);
  Advance(absl::Minutes(2));
  buffer().StartBuffering(shard(), "a test");
  Advance(absl::Seconds(2));
  EXPECT_EQ(Stats().state, State::kIdle);
}

// ---- Shards that begin or stop to buffer --------------------------------------------------------

TEST_F(ReconfigureTest, AShardThatLeavesTheListIsDrained) {
  std::vector<AsyncRequest> leaves;
  for (int i = 0; i < 3; ++i) leaves.push_back(Fail());
  const AsyncRequest stays = FailOn(Shard("1"));
  const ShardHandle handle = shard();
  BufferOnly("ks/1");
  EXPECT_EQ(handle, shard());
  EXPECT_TRUE(RequestTo(handle).passed());
  EXPECT_TRUE(FailOn(handle).passed());
  EXPECT_EQ(Disabled(), 2u);
  EXPECT_FALSE(stays.done());
  for (AsyncRequest& request : leaves) {
    ASSERT_TRUE(request.released()) << "one after the other";
    EXPECT_EQ(request.released_by(), StopReason::kManual);
    request.EndRetry();
    PollAll();
  }
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats("1").requests_held, 1u);
}

TEST_F(ReconfigureTest, WhatIsReportedInSuchADrainHoldsNobodyBack) {
  Report(1, true, 1);
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  BufferOnly("ks/1");
  ASSERT_TRUE(first.released());
  Report(1, false, 1);
  first.token()(Attempt::kRefused);
  PollAll();
  EXPECT_TRUE(second.released());
  second.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureTest, ARetryThatComesBackToADisabledShardPasses) {
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  BufferOnly("ks/1");
  ASSERT_TRUE(first.released());
  const AsyncRequest again(buffer(), shard(),
                           LastAttempt(FailoverError()).After(std::move(first.token())), {});
  EXPECT_TRUE(again.passed());
  PollAll();
  EXPECT_TRUE(second.released()) << "its slot and its turn are free";
  EXPECT_EQ(Stats().requests_retrying, 1u);
  EXPECT_EQ(Stats().retries_failed, 1u);
}

TEST_F(ReconfigureTest, AShardThatIsListedAgainHolds) {
  BufferOnly("ks/1");
  EXPECT_TRUE(Fail().passed());
  BufferOnly("");
  EXPECT_TRUE(Fail().held());
  BufferOnly("ks/1");
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Disabled(), 2u);
}

TEST_F(ReconfigureTest, AShardThatIsListedKnowsThatItsPrimaryIsDown) {
  BufferOnly("ks/1");
  Report(1, true, 1);
  Report(1, false, 1);
  EXPECT_TRUE(Request().passed());
  BufferOnly("");
  EXPECT_TRUE(Request().held()) << "the reports count all the time";
}

TEST_F(ReconfigureTest, TheReportThatAShardIsDownStillCountsOnceItIsListedAgain) {
  Report(1, true, 1);
  Report(1, false, 1);
  AsyncRequest held = Request();
  BufferOnly("ks/1");
  ASSERT_TRUE(held.released());
  held.EndRetry();
  BufferOnly("");
  EXPECT_TRUE(Request().held());
}

TEST_F(ReconfigureTest, ADryRunTakesOver) {
  const AsyncRequest held = Fail();
  Reconfigure([](BufferOptions& options) {
    options.enabled = false;
    options.dry_run = true;
  });
  EXPECT_TRUE(held.released());
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().requests_buffered_dry_run, 0u) << "the guard forbids another failover";
  AdvanceBeyondGuards();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().requests_buffered_dry_run, 1u);
  EXPECT_EQ(Stats().state, State::kBuffering);
  Reconfigure([](BufferOptions& options) {
    options.enabled = true;
    options.dry_run = false;
  });
  EXPECT_TRUE(Request().held()) << "the failover that was only counted goes on";
}

TEST_F(ReconfigureTest, ADryRunHoldsNothingBackThatIsLeftOfBefore) {
  Report(1, true, 1);
  const AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Reconfigure([](BufferOptions& options) {
    options.enabled = false;
    options.dry_run = true;
  });
  ASSERT_TRUE(first.released());
  Report(1, false, 1);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().state, State::kDraining) << "no hold begins before the queue is empty";
  Advance(absl::Seconds(10));
  EXPECT_TRUE(second.released());
}

TEST_F(ReconfigureTest, AShardThatLeavesEndsItsSwitchover) {
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok());
  const AsyncRequest held = Request();
  BufferOnly("ks/1");
  EXPECT_EQ(switchover->progress().end, SwitchoverEnd::kAborted);
  EXPECT_TRUE(held.released());
  EXPECT_TRUE(absl::IsAborted(switchover->Commit()));
}

TEST_F(ReconfigureTest, WorkThatIsCountedEndsAfterItsShardLeft) {
  RequestContext context;
  context.work = Work::kTransaction;
  AsyncRequest passed = Request(context);
  AsyncRequest held = Fail(context);
  BufferOnly("ks/1");
  ASSERT_TRUE(held.released());
  AsyncRequest again(buffer(), shard(), LastAttempt(FailoverError()).After(std::move(held.token())),
                     context);
  EXPECT_TRUE(again.passed());
  BufferOnly("");
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok());
  EXPECT_EQ(switchover->progress().in_flight.transactions, 2u);
  passed.handle() = BufferedRequest();
  again.handle() = BufferedRequest();
  EXPECT_TRUE(switchover->progress().quiet);
}

// ---- Inside of callbacks, and on real threads ---------------------------------------------------

TEST_F(ReconfigureTest, ACallbackMayReconfigure) {
  bool done = false;
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&](absl::StatusOr<RetryDoneFunc>) {
        BufferOptions options = buffer().options();
        options.keyspace_shards = "ks/1";
        done = buffer().Reconfigure(options).ok();
      });
  ASSERT_TRUE(request.ok());
  const AsyncRequest other = Fail();
  EndFailover();
  EXPECT_TRUE(done);
  EXPECT_TRUE(other.released());
}

TEST_F(ReconfigureTest, AListenerMayReconfigure) {
  int changes = 0;
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition& transition) {
    if (transition.to != State::kDraining) return;
    BufferOptions next = buffer().options();
    next.size = 7;
    changes += buffer().Reconfigure(next).ok() ? 1 : 0;
  };
  Create(options);
  const AsyncRequest held = Fail();
  BufferOnly("ks/1");
  EXPECT_TRUE(held.released());
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(buffer().options().size, 7);
  EXPECT_EQ(buffer().options().keyspace_shards, "ks/1");
  // The listener uses a variable of this test.
  Destroy();
}

TEST_F(ReconfigureTest, ABufferThatIsEnabledLaterGetsItsThread) {
  BufferOptions options;
  options.enabled = false;
  Create(options);
  EXPECT_TRUE(Fail().passed());
  options.enabled = true;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  std::promise<bool> ended;
  std::future<bool> released = ended.get_future();
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(),
      [&ended](absl::StatusOr<RetryDoneFunc> done) { ended.set_value(done.ok()); });
  ASSERT_TRUE(request.ok() && *request);
  buffer().StopBuffering(shard());
  ASSERT_EQ(released.wait_for(std::chrono::minutes(1)), std::future_status::ready);
  EXPECT_TRUE(released.get());
}

}  // namespace
}  // namespace failover::test
