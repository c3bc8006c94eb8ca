// These tests cover bugs that users reported of earlier buffers and of other proxies, so that none
// of them appears here. A number in the name of a test is the number of the report in that project.
// The comment above a test says what the system with the bug did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "failover/retry.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class PastBugsTest : public BufferTest {
 protected:
  ShardEvent Serving(std::string shard) {
    return {{"zone1", 9}, {"ks", std::move(shard), TabletType::kPrimary}, true};
  }
};

// ---- The end of a failover ---------------------------------------------------------------------

// The event of one shard released the requests of another shard to a primary that was still
// read-only.
TEST_F(PastBugsTest, BugVitess16438_OtherShardsEventDoesNotReleaseThisShard) {
  const AsyncRequest here = FailOn(Shard("a"));
  const AsyncRequest there = FailOn(Shard("b"));
  buffer().HandleKeyspaceEvent({"ks", {Serving("b")}, MoveTablesState::kUnknown});
  PollAll();
  EXPECT_TRUE(there.released());
  EXPECT_FALSE(here.done());
}

// The restart of one primary was taken for a resharding of its keyspace.
TEST_F(PastBugsTest, BugVitess13854_ARestartOfOnePrimaryIsNoResharding) {
  Report(1, true, 1, "a");
  Report(2, true, 1, "b");
  AsyncRequest request = FailOn(Shard("a"));
  Report(1, false, 1, "a");
  EXPECT_TRUE(RequestTo(Shard("b")).passed());
  Report(1, true, 1, "a");
  PollAll();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kPrimaryServingAgain);
}

// The end of a failover was reported before its first error. Requests were then held until the
// maximum failover duration.
TEST_F(PastBugsTest, BugVitess15707_AFailoverThatEndedBeforeTheFirstErrorIsNotWaitedFor) {
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().state, State::kIdle);
}

// The primary was gone, but no request had failed on it yet. Requests were not held in that time.
TEST_F(PastBugsTest, BugVitess9071_BufferingStartsWhenThePrimaryIsKnownToBeGone) {
  Report(1, true, 1);
  Report(1, false, 1);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
}

// The failover did not end when the same primary came back. It ended only after the maximum
// duration.
TEST_F(PastBugsTest, BugSamePrimary_ThatServesAgainEndsTheFailover) {
  Report(1, true, 1);
  const AsyncRequest request = Fail();
  Report(1, false, 1);
  Report(1, true, 1);
  PollAll();
  EXPECT_TRUE(request.released());
}

// A report of a new primary ended the failover even if that primary did not serve.
TEST_F(PastBugsTest, BugServingNotChecked_APrimaryThatDoesNotServeReleasesNobody) {
  const AsyncRequest request = Fail();
  Report(1, false, 1);
  PollAll();
  EXPECT_FALSE(request.done());
}

// A late report released the requests to the old primary.
TEST_F(PastBugsTest, BugMultigres1334_AStaleReportReleasesNobody) {
  Report(2, true, 200);
  const AsyncRequest request = Fail();
  Report(1, true, 100);
  Report(1, true, 200);
  PollAll();
  EXPECT_FALSE(request.done());
}

// The failover was over, but its requests stayed held until a timer ended.
TEST_F(PastBugsTest, BugRedis9616_TheEndReleasesNotTheTimer) {
  const AsyncRequest request = Fail();
  EndFailover();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(clock_.Now(), absl::UnixEpoch());
}

// ---- Timers ------------------------------------------------------------------------------------

// The timer thread saw an empty queue, and then a request came. The wake-up for the request went to
// a channel that nobody read any more, so the request was held beyond its window.
TEST_F(PastBugsTest, BugLostWakeup_ARequestThatComesAfterTheQueueWasEmptyKeepsItsWindow) {
  int wakeups = 0;
  BufferOptions options = ManualOptions();
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(20)) << "the queue is empty";
  wakeups = 0;
  const AsyncRequest request = Request();
  EXPECT_EQ(wakeups, 1);
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  Advance(absl::Seconds(10));
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(PastBugsTest, BugLostWakeup_EachTimeTheQueueRunsEmptyAnew) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  for (int i = 0; i < 3; ++i) {
    AsyncRequest request = Request();
    EXPECT_TRUE(request.handle().Cancel());
    PollAll();
  }
  const AsyncRequest request = Request();
  Advance(absl::Seconds(10));
  EXPECT_TRUE(request.released());
}

// The end of a window was set by one clock and checked against another clock.
TEST_F(PastBugsTest, BugTwoClocks_TheWindowFollowsTheClockOfTheOptions) {
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(request.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(request.released());
}

// A request was released only after its client had given up.
TEST_F(PastBugsTest, BugMultigres870_TheCallersDeadlineEndsTheWaitFirst) {
  RequestContext context;
  context.timeout = absl::Seconds(3);
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(3));
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
}

// A failover lasted longer than the window, and nothing told the operator why the requests failed.
TEST_F(PastBugsTest, BugVitess12893_AFailoverLongerThanTheWindowIsPointedOut) {
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(15));
  EndFailover();
  EXPECT_EQ(log_.Count("warning: shard ks/0"), 1u);
  EXPECT_EQ(log_.Count("outlasted the window"), 1u);
}

// ---- Shutdown ----------------------------------------------------------------------------------

// A request found its shard before the shutdown, and started a failover after it.
TEST_F(PastBugsTest, BugVitess19927_NoBufferingRestartAfterShutdown) {
  const ShardHandle found_before = shard();
  buffer().Shutdown();
  EXPECT_TRUE(FailOn(found_before).passed());
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().starts, 0u);
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kShutdown), 1u);
}

// The slow path, which makes a shard, did not check the shutdown flag.
TEST_F(PastBugsTest, BugNoStoppedRecheck_NoShardIsMadeAfterShutdown) {
  buffer().Shutdown();
  EXPECT_FALSE(Shard("new"));
  EXPECT_TRUE(buffer().WaitForFailoverEnd({}, "ks", "new", FailoverError()).ok());
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

// An event that came after the shutdown crashed the process.
TEST_F(PastBugsTest, BugVitess13695_EventsAfterShutdownAreHarmless) {
  shard();
  buffer().Shutdown();
  Report(1, true, 1);
  buffer().HandleKeyspaceEvent({"ks", {Serving("0"), Serving("1")}, MoveTablesState::kSwitched});
  EXPECT_EQ(Sum(Stats().stops), 0u);
}

// The token of an evicted request was lost, and Shutdown waited for it.
TEST_F(PastBugsTest, BugEvictedToken_ShutdownDoesNotWaitForThoseThatWereEvicted) {
  BufferOptions options = ManualOptions();
  options.threading = Threading::kServiceThread;
  options.shutdown_grace = absl::Hours(1);
  options.size = 1;
  Create(options);
  const AsyncRequest evicted = Fail();
  AsyncRequest newest = Request();
  EXPECT_TRUE(newest.handle().Cancel());
  buffer().Shutdown();
  EXPECT_EQ(evicted.reason(), BufferErrorReason::kEvicted);
}

// ---- Slots -------------------------------------------------------------------------------------

// A cancelled request kept its slot.
TEST_F(PastBugsTest, BugRemoveNoRelease_ACancelledRequestGivesItsSlotBack) {
  BufferOptions options = ManualOptions();
  options.size = 3;
  Create(options);
  for (int i = 0; i < 10; ++i) {
    AsyncRequest request = Fail();
    EXPECT_TRUE(request.handle().Cancel());
  }
  EXPECT_EQ(buffer().Stats().slots_free, 3u);
}

// The removal of a request from the middle of the queue took O(n). The removal here takes O(1), and
// must keep the order of the other requests.
TEST_F(PastBugsTest, BugSlowRemove_TheOrderOfTheOthersSurvives) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 10;
  Create(options);
  std::string order;
  std::vector<BufferedRequest> requests;
  for (const char name : std::string("abcdefg")) {
    absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(),
        [&order, name](absl::StatusOr<RetryDoneFunc>) { order += name; });
    ASSERT_TRUE(request.ok());
    requests.push_back(*std::move(request));
  }
  for (const std::size_t gone : {3u, 0u, 6u}) EXPECT_TRUE(requests[gone].Cancel());
  EndFailover();
  EXPECT_EQ(order, "bcef");
}

// When the queue of one shard was full, the requests of another shard suffered, too.
TEST_F(PastBugsTest, BugPgbouncer715_AShardsTroubleIsItsOwn) {
  const AsyncRequest request = FailOn(Shard("a"));
  EXPECT_TRUE(RequestTo(Shard("b")).passed());
  EXPECT_EQ(Stats("b").state, State::kIdle);
}

// The default size was 10 slots.
TEST_F(PastBugsTest, BugVitessOperator190_TheDefaultSizeIsNotTen) {
  EXPECT_EQ(BufferOptions().size, 1000);
}

// A full queue refused the newest request and kept the oldest, which had the least time left.
TEST_F(PastBugsTest, BugHaproxy2404_AFullQueueDropsTheOldest) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest oldest = Fail();
  const AsyncRequest newest = Request();
  PollAll();
  EXPECT_EQ(oldest.reason(), BufferErrorReason::kEvicted);
  EXPECT_TRUE(newest.held());
}

// ---- Drain -------------------------------------------------------------------------------------

// The option drain_concurrency was validated but had no effect.
TEST_F(PastBugsTest, BugVitess11684_DrainConcurrencyHasAnEffect) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 4;
  Create(options);
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 6; ++i) requests.push_back(Fail());
  EndFailover();
  EXPECT_EQ(Stats().requests_retrying, 4u);
}

// The same request was held again and again.
TEST_F(PastBugsTest, BugVitess2484_ARequestIsHeldAtMostOnce) {
  ReleaseWheneverHeld();
  const auto attempt = [this]() -> absl::Status {
    clock_.Advance(absl::Hours(1));
    return FailoverError();
  };
  EXPECT_FALSE(RunWithFailoverRetry(buffer(), {}, shard(), attempt).ok());
  EXPECT_EQ(Stats().requests_buffered, 1u);
}

// A statement was repeated although the server might have executed it.
TEST_F(PastBugsTest, BugMaxScale_ALostConnectionIsNotRetried) {
  EXPECT_FALSE(buffer().IsFailover(absl::InternalError(
      "Lost connection to MySQL server during query (errno 2013) (sqlstate HY000)")));
  EXPECT_FALSE(buffer().IsFailover(
      absl::FailedPreconditionError("MySQL server has gone away (errno 2006) (sqlstate HY000)")));
}

// ---- Locks -------------------------------------------------------------------------------------

// A caller that held the shard's lock, a watcher and a channel waited for each other. In this test
// every piece of foreign code uses the shard from another thread, which no lock may prevent.
TEST_F(PastBugsTest, BugVitess20281_NoForeignCodeIsCalledUnderALock) {
  int calls = 0;
  const auto use_the_shard = [this, &calls] {
    ++calls;
    std::thread other([this] {
      buffer().StatsUpdate(PrimaryReport(1, false, 0, "0"));
      buffer().HandleKeyspaceEvent({"ks", {Serving("1")}, MoveTablesState::kUnknown});
      Stats();
    });
    other.join();
  };
  BufferOptions options = ManualOptions();
  options.wakeup = use_the_shard;
  options.caused_by_failover = [use_the_shard](const absl::Status&) {
    use_the_shard();
    return true;
  };
  Create(options);
  const ShardHandle handle = shard();
  log_.OnLine(use_the_shard);
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, handle, FailoverError(),
      [use_the_shard](absl::StatusOr<RetryDoneFunc>) { use_the_shard(); });
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(buffer().StopBuffering(handle));
  PollAll();
  buffer().ForEachShard([use_the_shard](const ShardStats&) { use_the_shard(); });
  log_.OnLine(nullptr);
  EXPECT_GE(calls, 8) << "expected: classifier, wakeup (2), log (3), callback, visitor";
}

// ---- Counters, input, options ------------------------------------------------------------------

// The sum of the durations was set back to zero at each start of a failover.
TEST_F(PastBugsTest, BugDurationSum_IsCumulative) {
  for (int i = 0; i < 3; ++i) {
    AdvanceBeyondGuards();
    EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
    clock_.Advance(absl::Seconds(2));
    EXPECT_TRUE(buffer().StopBuffering(shard()));
  }
  EXPECT_EQ(Stats().failover_duration_sum, absl::Seconds(6));
}

// A counter of one reason was missing until that reason occurred for the first time.
TEST_F(PastBugsTest, BugMissingReason_EveryReasonIsThereFromTheStart) {
  shard();
  EXPECT_EQ(Stats().stops.size(), kStopReasons);
  EXPECT_EQ(Stats().requests_evicted.size(), kEvictedReasons);
  EXPECT_EQ(Stats().requests_skipped.size(), kSkippedReasons);
  EXPECT_EQ(At(Stats().stops, StopReason::kMoveTablesSwitchedTraffic), 0u);
}

// A report of a tablet that was not a primary caused a panic.
TEST_F(PastBugsTest, BugNonPrimaryReport_IsIgnored) {
  TabletStats stats = PrimaryReport(1, true, 1);
  for (const TabletType type : {TabletType::kUnknown, TabletType::kReplica, TabletType::kRdonly}) {
    stats.target.tablet_type = type;
    buffer().StatsUpdate(stats);
  }
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

// With buffering disabled the options were not checked, although the code divided by one of them.
TEST_F(PastBugsTest, BugVitess16858_DisabledBufferingChecksItsOptionsAndPassesAll) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.size = 0;
  EXPECT_FALSE(Buffer::Create(options).ok());
  options.size = 1;
  Create(options);
  EXPECT_TRUE(Fail().passed());
}

// The start-up line joined its two parts with "and" exactly when the first part was empty.
TEST_F(PastBugsTest, BugStartupLine_NamesOnlyWhatThereIs) {
  BufferOptions options = ManualOptions();
  options.keyspace_shards = "ks1";
  log_.Clear();
  Create(options);
  EXPECT_EQ(log_.lines(), (std::vector<std::string>{"info: buffering is enabled for ks1"}));
}

// Clients got a timeout error that did not mention the failover behind it.
TEST_F(PastBugsTest, BugProxysql5402_TheErrorTellsTheStateAndTheCause) {
  RequestContext context;
  context.timeout = absl::Seconds(1);
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(1));
  const std::string text(request.error().message());
  EXPECT_THAT(text, HasSubstr("before the failover ended"));
  EXPECT_THAT(text, HasSubstr("running with the --read-only option"));
}

}  // namespace
}  // namespace failover::test
