// These tests cover the Budget that several Buffers share (failover/budget.h).
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "failover/budget.h"
#include "failover/metrics.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kMilli = absl::Milliseconds(1);
using Requests = std::vector<AsyncRequest>;

BudgetLimits Limits(std::int64_t size, std::int64_t max_retries, std::uint64_t max_bytes = 0) {
  BudgetLimits limits;
  limits.size = size;
  limits.max_retries = max_retries;
  limits.max_bytes = max_bytes;
  return limits;
}

RequestContext Pinning(std::size_t bytes) {
  RequestContext context;
  context.bytes = bytes;
  return context;
}

// buffer() and other() are two Buffers with one Budget.
class SharedBudgetTest : public BufferTest {
 protected:
  // At the end everything is given back.
  void TearDown() override {
    other_.reset();
    BufferTest::TearDown();
    if (budget_ == nullptr) return;
    EXPECT_EQ(budget_->Stats().slots_free, budget_->Stats().size);
    EXPECT_EQ(budget_->Stats().bytes_held, 0u);
    EXPECT_EQ(budget_->Stats().retries, 0u);
  }

  void Share(const BudgetLimits& limits) {
    budget_ = *Budget::Create(limits);
    Create(WithBudget());
    other_ = *Buffer::Create(WithBudget());
  }
  // All retries of a drain may go at once, as far as the Buffer itself is concerned.
  BufferOptions WithBudget() {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 10;
    options.budget = budget_;
    return options;
  }
  Buffer& other() { return *other_; }
  void DestroyOther() { other_.reset(); }
  BudgetStats Taken() { return budget_->Stats(); }

  static AsyncRequest Hold(Buffer& buffer, const RequestContext& context = {}) {
    return {buffer, buffer.GetShard("ks", "0"), LastAttempt(FailoverError()), context};
  }
  static Requests HoldMany(Buffer& buffer, int count, const RequestContext& context = {}) {
    Requests requests;
    for (int i = 0; i < count; ++i) {
      requests.push_back(Hold(buffer, context));
      EXPECT_TRUE(requests.back().held());
    }
    return requests;
  }
  // Both failovers are over.
  void EndFailoverOf(Buffer& buffer) {
    buffer.StatsUpdate(PrimaryReport(7, true, ++timestamp_));
    buffer.Poll();
  }
  void AdvanceBoth(absl::Duration by) {
    clock_.Advance(by);
    buffer().Poll();
    other().Poll();
  }
  static int Released(const Requests& requests) {
    int released = 0;
    for (const AsyncRequest& request : requests) released += request.released() ? 1 : 0;
    return released;
  }
  static int Evicted(const Requests& requests) {
    int evicted = 0;
    for (const AsyncRequest& request : requests) {
      evicted += request.done() && request.reason() == BufferErrorReason::kEvicted ? 1 : 0;
    }
    return evicted;
  }

  std::shared_ptr<Budget> budget_;

 private:
  std::unique_ptr<Buffer> other_;
  std::int64_t timestamp_ = 1;
};

// ---- What a Budget is ---------------------------------------------------------------------------

TEST_F(SharedBudgetTest, TheErrorNamesTheLimitAndItsValue) {
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    const absl::Status size = Budget::Create(Limits(bad, 1)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(size));
    EXPECT_EQ(size.message(),
              "size of a Budget must be >= 1 (specified value: " + std::to_string(bad) + ")");
    const absl::Status retries = Budget::Create(Limits(1, bad)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(retries));
    EXPECT_EQ(retries.message(), "max_retries of a Budget must be >= 1 (specified value: " +
                                     std::to_string(bad) + ")");
  }
}

TEST_F(SharedBudgetTest, ItTellsItsLimitsAndWhatIsTaken) {
  Share(Limits(5, 4, 100));
  EXPECT_EQ(budget_->limits().size, 5);
  EXPECT_EQ(budget_->limits().max_retries, 4);
  EXPECT_EQ(budget_->limits().max_bytes, 100u);
  const Requests mine = HoldMany(buffer(), 2, Pinning(10));
  const Requests others = HoldMany(other(), 1, Pinning(30));
  EXPECT_EQ(Taken().size, 5u);
  EXPECT_EQ(Taken().slots_free, 2u);
  EXPECT_EQ(Taken().bytes_held, 50u);
  EndFailoverOf(other());
  EXPECT_EQ(Taken().slots_free, 2u) << "a retry keeps its slot";
  EXPECT_EQ(Taken().bytes_held, 20u);
  EXPECT_EQ(Taken().max_retries, 4u);
  EXPECT_EQ(Taken().retries, 1u);
  EXPECT_EQ(buffer().Stats().slots_free, 8u) << "the slots of the Buffer itself";
  EXPECT_EQ(buffer().Stats().budget->slots_free, 2u);
}

TEST_F(SharedBudgetTest, TheMetricsShowIt) {
  EXPECT_EQ(PrometheusText(buffer()).find("shared_budget"), std::string::npos);
  EXPECT_FALSE(buffer().Stats().budget.has_value());
  Share(Limits(5, 4));
  Requests requests = HoldMany(buffer(), 2, Pinning(10));
  const std::string text = PrometheusText(other());
  for (const char* line :
       {"\nfailover_shared_budget_slots 5\n", "\nfailover_shared_budget_slots_free 3\n",
        "\nfailover_shared_budget_held_bytes 20\n", "\nfailover_shared_budget_retries 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

// ---- Slots and bytes ----------------------------------------------------------------------------

TEST_F(SharedBudgetTest, ANewRequestEvictsTheOldestOfItsOwnShard) {
  Share(Limits(3, 1));
  Requests mine = HoldMany(buffer(), 1);
  Requests others = HoldMany(other(), 2);
  others.push_back(Hold(other()));
  EXPECT_TRUE(others[2].held());
  other().Poll();
  EXPECT_EQ(others[0].reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(Evicted(others), 1);
  EXPECT_EQ(Taken().slots_free, 0u) << "the slot went to the new request";
  EXPECT_FALSE(mine[0].done());
}

TEST_F(SharedBudgetTest, NoRequestOfAnotherBufferIsEvicted) {
  Share(Limits(2, 1));
  Requests mine = HoldMany(buffer(), 2);
  AsyncRequest refused = Hold(other());
  ASSERT_TRUE(refused.refused());
  EXPECT_EQ(ReasonOf(refused.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_NE(refused.refusal().message().find("size 10, size of the budget 2"), std::string::npos)
      << refused.refusal();
  EXPECT_EQ(other().Stats().slots_free, 10u) << "the slot of the Buffer itself went back";
  EXPECT_TRUE(mine[0].handle().Cancel());
  EXPECT_TRUE(Hold(other()).held());
  buffer().Poll();
  EXPECT_EQ(Evicted(mine), 0);
}

TEST_F(SharedBudgetTest, TheSizeOfTheBufferHoldsToo) {
  Share(Limits(100, 1));
  const Requests mine = HoldMany(buffer(), 10);
  const AsyncRequest newest = Hold(buffer());
  EXPECT_TRUE(newest.held());
  buffer().Poll();
  EXPECT_EQ(Evicted(mine), 1);
  EXPECT_EQ(Taken().slots_free, 90u);
}

TEST_F(SharedBudgetTest, BytesAreShared) {
  Share(Limits(100, 1, 100));
  Requests mine = HoldMany(buffer(), 1, Pinning(60));
  Requests others = HoldMany(other(), 1, Pinning(30));
  const AsyncRequest refused = Hold(other(), Pinning(50));
  EXPECT_EQ(ReasonOf(refused.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_NE(refused.refusal().message().find("max_bytes 0, max_bytes of the budget 100"),
            std::string::npos)
      << refused.refusal();
  EXPECT_EQ(Taken().bytes_held, 90u);
  EXPECT_EQ(other().Stats().bytes_held, 30u) << "a refused request has taken nothing";
  // 10 are free, and the oldest of the shard frees 30.
  const AsyncRequest newest = Hold(other(), Pinning(40));
  EXPECT_TRUE(newest.held());
  other().Poll();
  EXPECT_EQ(Evicted(others), 1);
  EXPECT_EQ(Taken().bytes_held, 100u);
  EXPECT_EQ(other().Stats().bytes_held, 40u);
  EXPECT_FALSE(mine[0].done());
}

TEST_F(SharedBudgetTest, WhatTheBudgetCanNeverHoldEvictsNobody) {
  Share(Limits(100, 1, 100));
  Requests mine = HoldMany(buffer(), 1, Pinning(60));
  const AsyncRequest refused = Hold(buffer(), Pinning(101));
  EXPECT_NE(refused.refusal().message().find("pins 101 bytes, more than max_bytes (100) in all"),
            std::string::npos)
      << refused.refusal();
  buffer().Poll();
  EXPECT_FALSE(mine[0].done());
}

TEST_F(SharedBudgetTest, ARequestThatComesBackNeedsBytesOfTheBudget) {
  Share(Limits(100, 1, 100));
  RequestContext context = Pinning(60);
  context.may_probe = true;
  AsyncRequest probe = Hold(buffer(), context);
  AdvanceBoth(absl::Seconds(1));
  ASSERT_TRUE(probe.released());
  Requests others = HoldMany(other(), 1, Pinning(50));
  const AsyncRequest again(buffer(), shard(),
                           LastAttempt(FailoverError()).After(std::move(probe.token())), context);
  EXPECT_EQ(ReasonOf(again.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_EQ(Taken().slots_free, 99u) << "the slot of the retry is free";
  EXPECT_EQ(Taken().bytes_held, 50u);
}

// ---- Retries at once ----------------------------------------------------------------------------

TEST_F(SharedBudgetTest, RetriesAtOnceAreShared) {
  Share(Limits(100, 3));
  Requests mine = HoldMany(buffer(), 5);
  Requests others = HoldMany(other(), 5);
  EndFailoverOf(buffer());
  EXPECT_EQ(Released(mine), 3);
  EndFailoverOf(other());
  EXPECT_EQ(Released(others), 1) << "each shard may always have one";
  EXPECT_EQ(Taken().retries, 4u);
}

TEST_F(SharedBudgetTest, EachShardMayHaveOneEvenIfTheBudgetIsUsedUp) {
  Share(Limits(100, 1));
  Requests mine = HoldMany(buffer(), 3);
  Requests others = HoldMany(other(), 3);
  EndFailoverOf(buffer());
  EndFailoverOf(other());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Released(mine), i + 1);
    EXPECT_EQ(Released(others), i + 1);
    mine[static_cast<std::size_t>(i)].EndRetry();
    others[static_cast<std::size_t>(i)].EndRetry();
    buffer().Poll();
    other().Poll();
  }
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(SharedBudgetTest, TheEndOfAnOwnRetryAsksForFurtherOnes) {
  Share(Limits(100, 3));
  Requests mine = HoldMany(buffer(), 3);
  EndFailoverOf(buffer());
  Requests others = HoldMany(other(), 5);
  EndFailoverOf(other());
  for (AsyncRequest& request : mine) request.EndRetry();
  other().Poll();
  EXPECT_EQ(Released(others), 1) << "nobody is woken by another Buffer";
  others[0].EndRetry();
  other().Poll();
  EXPECT_EQ(Released(others), 4) << "three at once";
}

TEST_F(SharedBudgetTest, ADrainAsksAgainAfterTenMilliseconds) {
  Share(Limits(100, 3));
  Requests mine = HoldMany(buffer(), 3);
  EndFailoverOf(buffer());
  Requests others = HoldMany(other(), 5);
  EndFailoverOf(other());
  EXPECT_EQ(other().Poll(), 10 * kMilli);
  AdvanceBoth(10 * kMilli);
  EXPECT_EQ(Released(others), 1);
  EXPECT_EQ(other().Poll(), 10 * kMilli) << "and again and again";
  for (AsyncRequest& request : mine) request.EndRetry();
  AdvanceBoth(9 * kMilli);
  EXPECT_EQ(Released(others), 1);
  AdvanceBoth(kMilli);
  EXPECT_EQ(Released(others), 3);
}

TEST_F(SharedBudgetTest, ADrainThatGetsWhatItAsksForDoesNotAskAgain) {
  Share(Limits(100, 3));
  Requests mine = HoldMany(buffer(), 3);
  EndFailoverOf(buffer());
  EXPECT_EQ(buffer().Poll(), absl::Seconds(20)) << "the next thing is that a retry is overdue";
}

TEST_F(SharedBudgetTest, TheLimitOfTheDrainHoldsToo) {
  Share(Limits(100, 30));
  BufferOptions options = buffer().options();
  options.drain_concurrency = 2;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  Requests mine = HoldMany(buffer(), 5);
  EndFailoverOf(buffer());
  EXPECT_EQ(Released(mine), 2);
}

TEST_F(SharedBudgetTest, ADrainThatSpeedsUpStopsAtTheBudget) {
  Share(Limits(100, 2));
  BufferOptions options = buffer().options();
  options.drain_concurrency = 1;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  RequestContext context;
  context.may_probe = true;
  Requests mine = HoldMany(buffer(), 6, context);
  EndFailoverOf(buffer());
  for (std::size_t i = 0; i < 3; ++i) {
    mine[i].token()(Attempt::kSucceeded);
    buffer().Poll();
  }
  EXPECT_EQ(Taken().retries, 2u);
  EXPECT_EQ(Released(mine), 5) << "three have ended, and two are under way";
}

TEST_F(SharedBudgetTest, ProbesAndWindowsNeedNoTurn) {
  Share(Limits(100, 1));
  Requests others = HoldMany(other(), 1);
  EndFailoverOf(other());
  RequestContext context;
  context.may_probe = true;
  Requests mine = HoldMany(buffer(), 3, context);
  AdvanceBoth(absl::Seconds(1));
  EXPECT_EQ(Released(mine), 1) << "the probe";
  AdvanceBoth(absl::Seconds(9));
  EXPECT_EQ(Released(mine), 3) << "the windows are over";
  EXPECT_EQ(Taken().retries, 1u);
}

// ---- The ways out -------------------------------------------------------------------------------

// Three retries have a turn, and a fourth request is held. What happens next gives turns back.
class TurnGivenBackTest : public SharedBudgetTest {
 protected:
  void DrainThree(const RequestContext& context = {}) {
    Share(Limits(100, 3));
    requests_ = HoldMany(buffer(), 4, context);
    EndFailoverOf(buffer());
    ASSERT_EQ(Taken().retries, 3u);
  }
  Requests requests_;
};

TEST_F(TurnGivenBackTest, BecauseTheTokenIsDestroyed) {
  DrainThree();
  requests_[0].token() = RetryDoneFunc();
  requests_[1].token() = RetryDoneFunc();
  EXPECT_EQ(Taken().retries, 2u) << "two were given back, and the fourth request has one";
}

TEST_F(TurnGivenBackTest, BecauseTheRetryIsOverdue) {
  DrainThree();
  AdvanceBoth(absl::Seconds(20));
  EXPECT_EQ(Released(requests_), 4);
  EXPECT_EQ(Taken().retries, 0u) << "the window of the fourth is over, too";
  EXPECT_EQ(Taken().slots_free, 96u);
}

TEST_F(TurnGivenBackTest, BecauseARetryThatMayComeBackTakesLong) {
  RequestContext context;
  context.may_probe = true;
  DrainThree(context);
  AdvanceBoth(absl::Milliseconds(250));
  EXPECT_EQ(Released(requests_), 4);
  EXPECT_EQ(Taken().retries, 1u);
}

TEST_F(TurnGivenBackTest, BecauseAReleasedRequestIsCancelled) {
  Share(Limits(100, 3));
  requests_ = HoldMany(buffer(), 2);
  buffer().StatsUpdate(PrimaryReport(8, true, 100));
  ASSERT_EQ(Taken().retries, 2u);
  EXPECT_TRUE(requests_[0].handle().Cancel());
  EXPECT_EQ(Taken().retries, 1u);
}

TEST_F(TurnGivenBackTest, BecauseAnotherHoldBegins) {
  DrainThree();
  Report(7, false, 100);
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Taken().retries, 0u);
  requests_[0].EndRetry();
  EXPECT_EQ(Taken().retries, 0u) << "a turn is given back once";
}

TEST_F(TurnGivenBackTest, BecauseTheBufferIsShutDown) {
  DrainThree();
  buffer().Shutdown();
  EXPECT_EQ(Released(requests_), 4);
  EXPECT_EQ(Taken().retries, 0u);
  EXPECT_EQ(Taken().slots_free, 100u);
  for (AsyncRequest& request : requests_) request.EndRetry();
  EXPECT_EQ(Taken().slots_free, 100u) << "the tokens are inert";
}

TEST_F(TurnGivenBackTest, BecauseTheRetriesEndThatAClosedShardLeft) {
  DrainThree();
  buffer().BeginShutdown({});
  buffer().Poll();
  EXPECT_EQ(Taken().retries, 3u) << "what is let go at shutdown takes no turn";
  for (AsyncRequest& request : requests_) request.EndRetry();
  EXPECT_EQ(Taken().retries, 0u);
}

TEST_F(SharedBudgetTest, ADestroyedBufferGivesEverythingBack) {
  Share(Limits(6, 3, 100));
  Requests others = HoldMany(other(), 5, Pinning(10));
  EndFailoverOf(other());
  ASSERT_EQ(Released(others), 3);
  EXPECT_EQ(Taken().slots_free, 1u);
  EXPECT_EQ(Taken().bytes_held, 20u);
  DestroyOther();
  EXPECT_EQ(Released(others), 5);
  EXPECT_EQ(Taken().slots_free, 6u) << "although the tokens live";
  EXPECT_EQ(Taken().bytes_held, 0u);
  EXPECT_EQ(Taken().retries, 0u);
  Requests mine = HoldMany(buffer(), 6);
  for (AsyncRequest& request : others) request.EndRetry();
  EXPECT_EQ(Taken().slots_free, 0u);
}

TEST_F(SharedBudgetTest, ABufferKeepsItsBudget) {
  Share(Limits(6, 3));
  const std::weak_ptr<Budget> watched = budget_;
  budget_.reset();
  DestroyOther();
  RetryDoneFunc token;
  {
    AsyncRequest request = Hold(buffer());
    EndFailoverOf(buffer());
    token = std::move(request.token());
  }
  Create(ManualOptions());
  EXPECT_FALSE(watched.expired()) << "the token keeps the inside of its Buffer";
  token();
  EXPECT_TRUE(watched.expired());
}

// ---- Reconfigure --------------------------------------------------------------------------------

TEST_F(SharedBudgetTest, AnotherBudgetIsRefused) {
  Share(Limits(6, 3));
  const std::shared_ptr<Budget> another = *Budget::Create(Limits(6, 3));
  for (const std::shared_ptr<Budget>& wrong : {another, std::shared_ptr<Budget>()}) {
    BufferOptions options = buffer().options();
    options.budget = wrong;
    options.window = absl::Seconds(3);
    options.size = 3;
    const absl::Status refused = buffer().Reconfigure(options);
    EXPECT_TRUE(absl::IsInvalidArgument(refused));
    EXPECT_EQ(refused.message(),
              "budget cannot change while the Buffer runs: make another Buffer for that");
    EXPECT_EQ(buffer().options().window, absl::Seconds(10));
    EXPECT_EQ(buffer().Stats().size, 10u);
    EXPECT_EQ(buffer().options().budget, budget_);
  }
  BufferOptions options = ManualOptions();
  Create(options);
  options.budget = budget_;
  EXPECT_TRUE(absl::IsInvalidArgument(buffer().Reconfigure(options)));
}

TEST_F(SharedBudgetTest, TheOwnLimitsMayChange) {
  Share(Limits(20, 3));
  Requests mine = HoldMany(buffer(), 5);
  BufferOptions options = buffer().options();
  options.size = 3;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  EXPECT_TRUE(Hold(buffer()).refused()) << "more is held than the Buffer may";
  EXPECT_EQ(Taken().slots_free, 15u);
  options.size = 30;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  for (int i = 0; i < 15; ++i) mine.push_back(Hold(buffer()));
  EXPECT_EQ(Taken().slots_free, 0u);
  mine.push_back(Hold(buffer()));
  EXPECT_TRUE(mine.back().held());
  buffer().Poll();
  EXPECT_EQ(Evicted(mine), 1) << "the budget is full";
}

TEST_F(SharedBudgetTest, AShardThatIsDisabledDrainsAsTheBudgetAllows) {
  Share(Limits(20, 2));
  Requests mine = HoldMany(buffer(), 5);
  BufferOptions options = buffer().options();
  options.enabled = false;
  ASSERT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  buffer().Poll();
  EXPECT_EQ(Released(mine), 2);
  for (AsyncRequest& request : mine) {
    request.EndRetry();
    buffer().Poll();
  }
  EXPECT_EQ(Taken().slots_free, 20u);
}

}  // namespace
}  // namespace failover::test
