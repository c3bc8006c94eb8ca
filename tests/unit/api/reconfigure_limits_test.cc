// These tests cover the limits that Buffer::Reconfigure changes: sizes, drains, guards and budgets.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

class ReconfigureLimitsTest : public BufferTest {
 protected:
  template <typename Change>
  void Reconfigure(const Change& change) {
    BufferOptions options = buffer().options();
    change(options);
    EXPECT_EQ(buffer().Reconfigure(options), absl::OkStatus());
    PollAll();
  }
  std::vector<AsyncRequest> HoldMany(int count, const RequestContext& context = {}) {
    std::vector<AsyncRequest> requests;
    for (int i = 0; i < count; ++i) {
      requests.push_back(Fail(context));
      EXPECT_TRUE(requests.back().held());
    }
    return requests;
  }
  static int Released(const std::vector<AsyncRequest>& requests) {
    int released = 0;
    for (const AsyncRequest& request : requests) released += request.released() ? 1 : 0;
    return released;
  }
  static int Done(const std::vector<AsyncRequest>& requests) {
    int done = 0;
    for (const AsyncRequest& request : requests) done += request.done() ? 1 : 0;
    return done;
  }
};

// ---- Sizes --------------------------------------------------------------------------------------

TEST_F(ReconfigureLimitsTest, ASmallerSizeRefusesNewcomersAndEvictsNobody) {
  std::vector<AsyncRequest> requests = HoldMany(5);
  Reconfigure([](BufferOptions& options) { options.size = 3; });
  EXPECT_EQ(buffer().Stats().slots_free, 0u);
  const AsyncRequest refused = Request();
  EXPECT_EQ(ReasonOf(refused.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_TRUE(absl::StrContains(refused.refusal().message(), "new options allow (size 3)"))
      << refused.refusal();
  EXPECT_EQ(Done(requests), 0);
  EXPECT_TRUE(requests[4].handle().Cancel());
  EXPECT_TRUE(Request().refused()) << "four are held";
  EXPECT_TRUE(requests[3].handle().Cancel());
  const AsyncRequest newcomer = Request();
  EXPECT_TRUE(newcomer.held());
  PollAll();
  EXPECT_EQ(requests[0].reason(), BufferErrorReason::kEvicted) << "a full buffer evicts, as always";
  EXPECT_EQ(Done(requests), 1);
}

TEST_F(ReconfigureLimitsTest, ALargerSizeTakesMoreAtOnce) {
  const std::vector<AsyncRequest> requests = HoldMany(10);
  Reconfigure([](BufferOptions& options) { options.size = 12; });
  EXPECT_EQ(buffer().Stats().slots_free, 2u);
  const std::vector<AsyncRequest> more = HoldMany(2);
  EXPECT_EQ(Done(requests), 0);
}

TEST_F(ReconfigureLimitsTest, ARequestThatComesBackKeepsItsSlotAboveTheSize) {
  RequestContext context;
  context.may_probe = true;
  std::vector<AsyncRequest> requests = HoldMany(3, context);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(requests[0].released());
  Reconfigure([](BufferOptions& options) { options.size = 1; });
  const AsyncRequest again(buffer(), shard(),
                           LastAttempt(FailoverError()).After(std::move(requests[0].token())), {});
  EXPECT_TRUE(again.held());
  EXPECT_EQ(Stats().requests_held, 3u);
}

TEST_F(ReconfigureLimitsTest, ASmallerMaxPerShardRefusesNewcomersAndEvictsNobody) {
  std::vector<AsyncRequest> requests = HoldMany(4);
  const AsyncRequest other = FailOn(Shard("1"));
  Reconfigure([](BufferOptions& options) { options.max_per_shard = 3; });
  EXPECT_TRUE(Request().refused());
  EXPECT_EQ(Done(requests), 0);
  EXPECT_TRUE(RequestTo(Shard("1")).held());
  EXPECT_TRUE(requests[0].handle().Cancel());
  EXPECT_TRUE(Request().held());
  PollAll();
  EXPECT_EQ(requests[1].reason(), BufferErrorReason::kEvicted);
}

TEST_F(ReconfigureLimitsTest, ASmallerMaxBytesRefusesNewcomersAndEvictsNobody) {
  RequestContext context;
  context.bytes = 100;
  std::vector<AsyncRequest> requests = HoldMany(3, context);
  Reconfigure([](BufferOptions& options) { options.max_bytes = 200; });
  EXPECT_TRUE(Request(context).refused());
  EXPECT_TRUE(Request().held()) << "a request without bytes needs none";
  EXPECT_EQ(Done(requests), 0);
  EXPECT_TRUE(requests[2].handle().Cancel());
  const AsyncRequest newcomer = Request(context);
  EXPECT_TRUE(newcomer.held());
  PollAll();
  EXPECT_EQ(requests[0].reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(buffer().Stats().bytes_held, 200u);
}

TEST_F(ReconfigureLimitsTest, KnownShardsStayKnownBelowASmallerMaxShards) {
  const ShardHandle zero = shard();
  const ShardHandle one = Shard("1");
  Reconfigure([](BufferOptions& options) { options.max_shards = 1; });
  EXPECT_EQ(Shard("1"), one);
  EXPECT_TRUE(FailOn(zero).held());
  EXPECT_FALSE(Shard("2"));
  Reconfigure([](BufferOptions& options) { options.max_shards = 3; });
  EXPECT_TRUE(FailOn(Shard("2")).held());
}

TEST_F(ReconfigureLimitsTest, ManyShardsAreDisabledAtOnceAndCountApart) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(FailOn(Shard(std::to_string(i))).handle().Cancel());
  }
  Reconfigure([](BufferOptions& options) { options.keyspace_shards = "ks/3"; });
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < i; ++j) RequestTo(Shard(std::to_string(i)));
  }
  const AsyncRequest new_shard = RequestTo(Shard("new"));
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t counted =
        At(Stats(std::to_string(i)).requests_skipped, SkippedReason::kDisabled);
    EXPECT_EQ(counted, i == 3 ? 0u : static_cast<std::uint64_t>(i)) << i;
  }
  EXPECT_EQ(At(Stats("new").requests_skipped, SkippedReason::kDisabled), 1u);
}

// ---- Drains -------------------------------------------------------------------------------------

TEST_F(ReconfigureLimitsTest, MoreConcurrencyActsInTheDrain) {
  std::vector<AsyncRequest> requests = HoldMany(8);
  EndFailover();
  EXPECT_EQ(Released(requests), 1);
  Reconfigure([](BufferOptions& options) { options.drain_concurrency = 5; });
  EXPECT_EQ(Released(requests), 5);
  Reconfigure([](BufferOptions& options) { options.drain_concurrency = 1; });
  for (int i = 0; i < 4; ++i) {
    requests[static_cast<std::size_t>(i)].EndRetry();
    PollAll();
    EXPECT_EQ(Released(requests), 5) << "five have a turn, and one may";
  }
  requests[4].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 6);
}

TEST_F(ReconfigureLimitsTest, MoreConcurrencyThanTheHoldBeganWith) {
  BufferOptions options = ManualOptions();
  options.size = 100;
  options.drain_concurrency_max = 1;
  Create(options);
  const std::vector<AsyncRequest> requests = HoldMany(50);
  Reconfigure([](BufferOptions& next) { next.drain_concurrency = 40; });
  EndFailover();
  EXPECT_EQ(Released(requests), 40);
}

TEST_F(ReconfigureLimitsTest, WhatADrainHasLearnedSurvivesAReload) {
  RequestContext context;
  context.may_probe = true;
  std::vector<AsyncRequest> requests = HoldMany(10, context);
  EndFailover();
  requests[0].token()(Attempt::kSucceeded);
  PollAll();
  requests[1].token()(Attempt::kSucceeded);
  PollAll();
  ASSERT_EQ(Released(requests), 5) << "three may go at once";
  Reconfigure([](BufferOptions& options) { options.size = 20; });
  requests[2].token()(Attempt::kFailed);
  PollAll();
  EXPECT_EQ(Released(requests), 6);
  Reconfigure([](BufferOptions& options) { options.drain_concurrency_max = 2; });
  requests[3].token()(Attempt::kFailed);
  PollAll();
  EXPECT_EQ(Released(requests), 6) << "two may go at once";
}

// ---- Guards and budgets -------------------------------------------------------------------------

TEST_F(ReconfigureLimitsTest, TheGuardsActAtOnce) {
  AsyncRequest first = Fail();
  EndFailover();
  first.EndRetry();
  Advance(absl::Seconds(30));
  EXPECT_TRUE(Fail().passed());
  Reconfigure([](BufferOptions& options) {
    options.window = options.max_failover_duration = absl::Seconds(10);
    options.min_time_between_failovers = absl::Seconds(20);
  });
  EXPECT_TRUE(Fail().held());
}

TEST_F(ReconfigureLimitsTest, WhatIsMissingFromTheBudgetIsKept) {
  Report(1, true, 1);
  const AsyncRequest held = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(held.released());
  Report(1, false, 1);
  Report(1, true, 1);
  ASSERT_EQ(Stats().hold_budget.left, absl::Seconds(10));
  Reconfigure([](BufferOptions& options) {
    options.max_failover_duration = absl::Seconds(40);
    options.min_time_between_failovers = absl::Minutes(2);
  });
  EXPECT_EQ(Stats().hold_budget.left, absl::Seconds(30));
  EXPECT_EQ(Stats().hold_budget.most, absl::Seconds(40));
  Reconfigure([](BufferOptions& options) {
    options.window = options.max_failover_duration = absl::Seconds(5);
  });
  EXPECT_EQ(Stats().hold_budget.left, absl::ZeroDuration());
  Advance(absl::Minutes(1));
  EXPECT_TRUE(Request().passed());
  Report(1, false, 1);
  const AsyncRequest again = Request();
  EXPECT_TRUE(again.held());
  Advance(absl::Seconds(3));
  EXPECT_EQ(Stats().state, State::kDraining) << "half of the five seconds has come back";
}

TEST_F(ReconfigureLimitsTest, BugNegativeBudget_AShardIsNotLeftWithoutABudgetAfterALongerHold) {
  Report(1, true, 1);
  AsyncRequest held = Fail();
  Reconfigure([](BufferOptions& options) {
    options.window = options.max_failover_duration = absl::Seconds(4);
  });
  Advance(absl::Seconds(20));
  EXPECT_EQ(Stats().hold_budget.left, absl::ZeroDuration());
  held.EndRetry();
  Report(1, false, 1);
  Report(1, true, 1);
  Advance(absl::Seconds(30));
  Report(1, false, 1);
  EXPECT_TRUE(Request().held()) << "two seconds have come back";
}

TEST_F(ReconfigureLimitsTest, TheConfirmationOfAReportActsAtOnce) {
  BufferOptions options = ManualOptions();
  options.down_confirmation = absl::Seconds(5);
  Create(options);
  Report(1, true, 1);
  Report(1, false, 1);
  EXPECT_TRUE(Request().passed());
  Reconfigure([](BufferOptions& next) { next.down_confirmation = absl::ZeroDuration(); });
  EXPECT_TRUE(Request().held());
}

TEST_F(ReconfigureLimitsTest, AReportWithoutAStampCountsByTheNewDelay) {
  Report(1, true, 1);
  const AsyncRequest held = Fail();
  clock_.Advance(absl::Seconds(1));
  Report(1, true, 1);
  EXPECT_EQ(Stats().state, State::kBuffering);
  Reconfigure(
      [](BufferOptions& options) { options.unstamped_report_delay = absl::ZeroDuration(); });
  Report(1, true, 1);
  EXPECT_EQ(Stats().state, State::kDraining);
}

}  // namespace
}  // namespace failover::test
