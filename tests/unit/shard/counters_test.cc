// These tests cover every counter and every gauge that a shard and a Buffer show.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class CountersTest : public BufferTest {
 protected:
  // Runs one failover that lasts `lasts` and holds `held` requests. Their retries end at once.
  void FailOver(int held, absl::Duration lasts) {
    std::vector<AsyncRequest> requests;
    for (int i = 0; i < held; ++i) requests.push_back(Fail());
    clock_.Advance(lasts);
    EndFailover();
    for (AsyncRequest& request : requests) {
      request.EndRetry();
      PollAll();
    }
  }

  void Tell(bool serving, MoveTablesState moving) {
    buffer().HandleKeyspaceEvent(
        {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, serving}}, moving});
  }
};

TEST_F(CountersTest, AllAreZeroFromTheShardsCreationOn) {
  shard();
  const ShardStats stats = Stats();
  EXPECT_EQ(stats.keyspace, "ks");
  EXPECT_EQ(stats.shard, "0");
  EXPECT_EQ(stats.state, State::kIdle);
  EXPECT_EQ(stats.starts, 0u);
  EXPECT_EQ(Sum(stats.stops), 0u);
  EXPECT_EQ(stats.failover_duration_sum, absl::ZeroDuration());
  EXPECT_EQ(stats.last_failover_duration, absl::ZeroDuration());
  EXPECT_EQ(stats.utilization_sum + stats.utilization_dry_run_sum, 0u);
  EXPECT_EQ(stats.last_requests_in_flight_max + stats.last_requests_dry_run_max, 0u);
  EXPECT_EQ(stats.requests_buffered + stats.requests_buffered_dry_run, 0u);
  EXPECT_EQ(stats.requests_drained, 0u);
  EXPECT_EQ(Sum(stats.requests_evicted), 0u);
  EXPECT_EQ(Sum(stats.requests_skipped), 0u);
  EXPECT_EQ(stats.retries_succeeded + stats.retries_failed, 0u);
  EXPECT_EQ(stats.requests_held + stats.requests_retrying, 0u);
}

TEST_F(CountersTest, AWholeFailover) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Stats().requests_buffered, 2u);
  EXPECT_EQ(Stats().requests_held, 2u);
  EndFailover();
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_EQ(Stats().requests_retrying, 1u);
  first.EndRetry();
  PollAll();
  second.EndRetry();
  const ShardStats stats = Stats();
  EXPECT_EQ(stats.requests_drained, 2u);
  EXPECT_EQ(stats.requests_held, 0u);
  EXPECT_EQ(stats.requests_retrying, 0u);
  EXPECT_EQ(Sum(stats.requests_evicted), 0u);
  EXPECT_EQ(Sum(stats.requests_skipped), 0u);
}

TEST_F(CountersTest, TheDurationOfTheLastAndTheSumOfAll) {
  FailOver(1, absl::Milliseconds(1500));
  EXPECT_EQ(Stats().last_failover_duration, absl::Milliseconds(1500));
  EXPECT_EQ(Stats().failover_duration_sum, absl::Milliseconds(1500));
  AdvanceBeyondGuards();
  FailOver(1, absl::Seconds(4));
  EXPECT_EQ(Stats().last_failover_duration, absl::Seconds(4));
  EXPECT_EQ(Stats().failover_duration_sum, absl::Milliseconds(5500));
}

TEST_F(CountersTest, TheUtilisationIsThePeaksShareInWholePercent) {
  BufferOptions options = ManualOptions();
  options.size = 7;
  Create(options);
  FailOver(2, absl::Seconds(1));
  EXPECT_EQ(Stats().utilization_sum, 28u);
  AdvanceBeyondGuards();
  FailOver(7, absl::Seconds(1));
  EXPECT_EQ(Stats().utilization_sum, 128u);
  EXPECT_EQ(Stats().utilization_dry_run_sum, 0u);
}

TEST_F(CountersTest, ThePeakIsThatOfTheCurrentOrTheLastFailover) {
  {
    AsyncRequest first = Fail();
    const AsyncRequest second = Request();
    EXPECT_TRUE(first.handle().Cancel());
    const AsyncRequest third = Request();
    EXPECT_EQ(Stats().last_requests_in_flight_max, 2u);
    EndFailover();
  }
  EXPECT_EQ(Stats().last_requests_in_flight_max, 2u);
  AdvanceBeyondGuards();
  const AsyncRequest next = Fail();
  EXPECT_EQ(Stats().last_requests_in_flight_max, 1u);
}

TEST_F(CountersTest, ThePeakIsTheShardsOwn) {
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  const AsyncRequest here = Fail();
  EXPECT_EQ(Stats("0").last_requests_in_flight_max, 1u);
}

TEST_F(CountersTest, RetriesAreCountedByTheirOutcomeIfItIsTold) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 4; ++i) requests.push_back(Fail());
  EndFailover();
  requests[0].token()(absl::OkStatus());
  PollAll();
  requests[1].token()(absl::AbortedError("deadlock"));
  PollAll();
  requests[2].token()(OtherError());
  PollAll();
  requests[3].token()();
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  EXPECT_EQ(Stats().retries_failed, 2u);
}

// ---- Every reason ------------------------------------------------------------------------------

TEST_F(CountersTest, EveryStopReasonIsCountedUnderItsOwnName) {
  const auto begin = [this] {
    AdvanceBeyondGuards();
    EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  };
  Report(1, true, 1);
  begin();
  Report(1, true, 2);
  begin();
  Report(1, false, 2);
  Report(1, true, 2);
  begin();
  Advance(absl::Seconds(20));
  begin();
  Tell(false, MoveTablesState::kUnknown);
  begin();
  Tell(true, MoveTablesState::kSwitched);
  begin();
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  AdvanceBeyondGuards();
  AsyncRequest proof = Fail();
  Advance(absl::Seconds(10));
  proof.token()(absl::OkStatus());
  begin();
  buffer().Shutdown();
  const ShardStats stats = Stats();
  EXPECT_EQ(At(stats.stops, StopReason::kNewPrimarySeen), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kPrimaryServingAgain), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kMaxDurationExceeded), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kReshardingComplete), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kMoveTablesSwitchedTraffic), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kManual), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kRetrySucceeded), 1u);
  EXPECT_EQ(At(stats.stops, StopReason::kShutdown), 1u);
  EXPECT_EQ(stats.starts, kStopReasons);
}

TEST_F(CountersTest, EveryEvictedReasonIsCountedUnderItsOwnName) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest evicted = Fail();
  AsyncRequest window = Request();
  Advance(absl::Seconds(10));
  window.EndRetry();
  AsyncRequest cancelled = Request();
  EXPECT_TRUE(cancelled.handle().Cancel());
  const ShardStats stats = Stats();
  EXPECT_EQ(At(stats.requests_evicted, EvictedReason::kBufferFull), 1u);
  EXPECT_EQ(At(stats.requests_evicted, EvictedReason::kWindowExceeded), 1u);
  EXPECT_EQ(At(stats.requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(CountersTest, ACancelAndACallersTimeoutAreBothContextDone) {
  AsyncRequest cancelled = Fail();
  EXPECT_TRUE(cancelled.handle().Cancel());
  RequestContext context;
  context.timeout = absl::Seconds(1);
  const AsyncRequest timed_out = Request(context);
  Advance(absl::Seconds(1));
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 2u);
}

TEST_F(CountersTest, EverySkippedReasonOfAShardThatBuffersIsCountedUnderItsOwnName) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_TRUE(Fail().passed());
  AdvanceBeyondGuards();
  {
    const AsyncRequest elsewhere = FailOn(Shard("1"));
    EXPECT_TRUE(Fail().refused());
  }
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_TRUE(Fail().passed());
  buffer().Shutdown();
  EXPECT_TRUE(Fail().passed());
  const ShardStats stats = Stats();
  EXPECT_EQ(At(stats.requests_skipped, SkippedReason::kLastReparentTooRecent), 1u);
  EXPECT_EQ(At(stats.requests_skipped, SkippedReason::kBufferFull), 1u);
  EXPECT_EQ(At(stats.requests_skipped, SkippedReason::kLastFailoverTooRecent), 1u);
  EXPECT_EQ(At(stats.requests_skipped, SkippedReason::kShutdown), 1u);
  EXPECT_EQ(At(stats.requests_skipped, SkippedReason::kDisabled), 0u);
}

// ---- Disabled shards ---------------------------------------------------------------------------

class DisabledCountersTest : public CountersTest {
 protected:
  DisabledCountersTest() {
    BufferOptions options = ManualOptions();
    options.keyspace_shards = "elsewhere";
    Create(options);
  }
  std::uint64_t Disabled(std::string_view shard = "0") {
    return At(Stats(shard).requests_skipped, SkippedReason::kDisabled);
  }
};

TEST_F(DisabledCountersTest, EveryRequestPassesAndIsCounted) {
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Disabled(), 2u);
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(DisabledCountersTest, BlockingCallsAreCountedToo) {
  EXPECT_TRUE(buffer().WaitForFailoverEnd({}, shard(), absl::OkStatus()).ok());
  EXPECT_TRUE(buffer().WaitForFailoverEnd({}, "ks", "0", FailoverError()).ok());
  EXPECT_EQ(Disabled(), 2u);
}

TEST_F(DisabledCountersTest, AnErrorThatNoFailoverCausedIsNotCounted) {
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Disabled(), 0u);
}

TEST_F(DisabledCountersTest, EachOfManyShardsHasItsOwnCount) {
  constexpr int kShards = 20;
  for (int i = 0; i < kShards; ++i) {
    for (int n = 0; n <= i; ++n) EXPECT_TRUE(RequestTo(Shard(std::to_string(i))).passed());
  }
  for (int i = 0; i < kShards; ++i) {
    EXPECT_EQ(Disabled(std::to_string(i)), static_cast<std::uint64_t>(i) + 1);
  }
}

TEST_F(DisabledCountersTest, AListedShardIsNotCounted) {
  EXPECT_TRUE(RequestTo(buffer().GetShard("elsewhere", "0")).passed());
  const std::optional<ShardStats> stats = buffer().GetShardStats("elsewhere", "0");
  ASSERT_TRUE(stats.has_value());
  EXPECT_EQ(Sum(stats->requests_skipped), 0u);
}

TEST_F(DisabledCountersTest, AfterShutdownTheReasonIsShutdown) {
  EXPECT_TRUE(Request().passed());
  buffer().Shutdown();
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Disabled(), 1u);
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kShutdown), 1u);
}

TEST_F(DisabledCountersTest, AnOperatorCannotStartIt) {
  EXPECT_FALSE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_TRUE(Request().passed());
}

TEST_F(DisabledCountersTest, WithNothingEnabledAllAreDisabled) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Disabled(), 1u);
}

// ---- The Buffer as a whole ---------------------------------------------------------------------

TEST_F(CountersTest, TheBuffersSlotsAndBytes) {
  RequestContext context;
  context.bytes = 25;
  const AsyncRequest here = Fail(context);
  const AsyncRequest there = FailOn(Shard("1"), context);
  const BufferStats stats = buffer().Stats();
  EXPECT_EQ(stats.size, 10u);
  EXPECT_EQ(stats.slots_free, 8u);
  EXPECT_EQ(stats.bytes_held, 50u);
  EXPECT_EQ(stats.requests_skipped_too_many_shards, 0u);
}

TEST_F(CountersTest, ShardsAreListedInTheOrderInWhichTheyBecameKnown) {
  for (const char* const name : {"b", "c", "a"}) Shard(name);
  Shard("b");
  const BufferStats stats = buffer().Stats();
  ASSERT_EQ(stats.shards.size(), 3u);
  EXPECT_EQ(stats.shards[0].shard, "b");
  EXPECT_EQ(stats.shards[1].shard, "c");
  EXPECT_EQ(stats.shards[2].shard, "a");
}

TEST_F(CountersTest, AShardThatIsNotKnownHasNoStats) {
  EXPECT_FALSE(buffer().GetShardStats("ks", "0").has_value());
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

TEST_F(CountersTest, ForEachShardVisitsAllInTheSameOrder) {
  const AsyncRequest request = FailOn(Shard("b"));
  Shard("a");
  std::vector<std::string> visited;
  std::uint64_t held = 0;
  buffer().ForEachShard([&](const ShardStats& stats) {
    visited.push_back(stats.shard);
    held += stats.requests_held;
  });
  EXPECT_EQ(visited, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(held, 1u);
}

TEST_F(CountersTest, TheVisitorIsNotUnderALock) {
  Shard("0");
  Shard("1");
  int visits = 0;
  buffer().ForEachShard([&](const ShardStats& stats) {
    ++visits;
    EXPECT_TRUE(buffer().StartBuffering(Shard(stats.shard), "a test"));
    EXPECT_EQ(Stats(stats.shard).state, State::kBuffering);
  });
  EXPECT_EQ(visits, 2);
}

// ---- Names -------------------------------------------------------------------------------------

TEST(StatsNamesTest, EveryValueHasTheNameThatVtgateGivesIt) {
  EXPECT_EQ(ToString(State::kIdle), "Idle");
  EXPECT_EQ(ToString(State::kBuffering), "Buffering");
  EXPECT_EQ(ToString(State::kDraining), "Draining");
  EXPECT_EQ(ToString(StopReason::kNewPrimarySeen), "NewPrimarySeen");
  EXPECT_EQ(ToString(StopReason::kPrimaryServingAgain), "PrimaryServingAgain");
  EXPECT_EQ(ToString(StopReason::kMaxDurationExceeded), "MaxDurationExceeded");
  EXPECT_EQ(ToString(StopReason::kShutdown), "Shutdown");
  EXPECT_EQ(ToString(StopReason::kReshardingComplete), "ReshardingComplete");
  EXPECT_EQ(ToString(StopReason::kMoveTablesSwitchedTraffic), "MoveTablesSwitchedTraffic");
  EXPECT_EQ(ToString(StopReason::kManual), "Manual");
  EXPECT_EQ(ToString(StopReason::kRetrySucceeded), "RetrySucceeded");
  EXPECT_EQ(ToString(EvictedReason::kBufferFull), "BufferFull");
  EXPECT_EQ(ToString(EvictedReason::kWindowExceeded), "WindowExceeded");
  EXPECT_EQ(ToString(EvictedReason::kContextDone), "ContextDone");
  EXPECT_EQ(ToString(SkippedReason::kBufferFull), "BufferFull");
  EXPECT_EQ(ToString(SkippedReason::kDisabled), "Disabled");
  EXPECT_EQ(ToString(SkippedReason::kShutdown), "Shutdown");
  EXPECT_EQ(ToString(SkippedReason::kLastReparentTooRecent), "LastReparentTooRecent");
  EXPECT_EQ(ToString(SkippedReason::kLastFailoverTooRecent), "LastFailoverTooRecent");
  EXPECT_EQ(ToString(SkippedReason::kBudgetUsedUp), "BudgetUsedUp");
  EXPECT_EQ(ToString(SkippedReason::kDraining), "Draining");
}

}  // namespace
}  // namespace failover::test
