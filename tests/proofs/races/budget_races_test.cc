// Races of Buffers that share a Budget: for its last slot, its last bytes and its last turn, and
// with the end of one of the Buffers.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "failover/budget.h"
#include "named_races.h"
#include "racing_request.h"
#include "sync_points.h"

namespace failover::test {
namespace {

constexpr std::size_t kMany = 5;

class BudgetRacesTest : public NamedRacesTest {
 protected:
  // At the end everything is given back.
  void TearDown() override {
    other_.reset();
    NamedRacesTest::TearDown();
    EXPECT_EQ(budget_->Stats().slots_free, budget_->Stats().size);
    EXPECT_EQ(budget_->Stats().bytes_held, 0u);
    EXPECT_EQ(budget_->Stats().retries, 0u);
  }

  void Share(std::int64_t size, std::int64_t max_retries, std::uint64_t max_bytes = 0) {
    BudgetLimits limits;
    limits.size = size;
    limits.max_retries = max_retries;
    limits.max_bytes = max_bytes;
    budget_ = *Budget::Create(limits);
    Create(WithBudget());
    other_ = Make(WithBudget());
    other_shard_ = other_->GetShard("ks", "0");
  }
  BufferOptions WithBudget() {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = kMany;
    options.budget = budget_;
    return options;
  }
  AsyncRequest RequestToOther(std::size_t bytes = 0) {
    RequestContext context;
    context.bytes = bytes;
    return {*other_, other_shard_, LastAttempt(FailoverError()), context};
  }
  // Both Buffers hold kMany requests.
  void HoldMany() {
    for (RacingRequest& request : mine_) request.Submit(buffer(), shard(), FailoverError());
    for (RacingRequest& request : others_) request.Submit(*other_, other_shard_, FailoverError());
  }
  void EndFailoverOf(Buffer& buffer) { buffer.StatsUpdate(PrimaryReport(7, true, 2000)); }
  template <typename Requests>
  static int Runs(const Requests& requests) {
    int runs = 0;
    for (const RacingRequest& request : requests) runs += request.runs();
    return runs;
  }
  // Lets everybody go who is left.
  template <typename Requests>
  static void DrainAll(Buffer& buffer, Requests& requests) {
    for (std::size_t round = 0; round < kMany; ++round) {
      buffer.Poll();
      for (RacingRequest& request : requests) request.EndRetry();
    }
  }
  BudgetStats Taken() const { return budget_->Stats(); }

  std::shared_ptr<Budget> budget_;
  std::unique_ptr<Buffer> other_;
  ShardHandle other_shard_;
  std::array<RacingRequest, kMany> mine_;
  std::array<RacingRequest, kMany> others_;
};

TEST_F(BudgetRacesTest, TwoBuffersTakeTheLastSlot) {
  Share(1, 1);
  std::unique_ptr<AsyncRequest> loser;
  StopAt before_shared("slot:before-shared");
  Step submit([&] { loser = std::make_unique<AsyncRequest>(Fail()); });
  ASSERT_TRUE(before_shared.Await());
  const AsyncRequest winner = RequestToOther();
  EXPECT_TRUE(winner.held());
  before_shared.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(ReasonOf(loser->refusal()), BufferErrorReason::kBufferFull);
  EXPECT_EQ(Taken().slots_free, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(BudgetRacesTest, TwoBuffersTakeTheLastBytes) {
  Share(10, 1, 100);
  RequestContext context;
  context.bytes = 60;
  std::unique_ptr<AsyncRequest> loser;
  StopAt before_shared("bytes:before-shared");
  Step submit([&] { loser = std::make_unique<AsyncRequest>(Fail(context)); });
  ASSERT_TRUE(before_shared.Await());
  const AsyncRequest winner = RequestToOther(60);
  EXPECT_TRUE(winner.held());
  before_shared.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(ReasonOf(loser->refusal()), BufferErrorReason::kBufferFull);
  EXPECT_EQ(Taken().bytes_held, 60u);
  EXPECT_EQ(Taken().slots_free, 9u);
  EXPECT_EQ(buffer().Stats().bytes_held, 0u);
}

// The request saw room for its bytes together with those of the oldest. Less is free by now, so the
// request would have to evict more. It is refused instead, and nobody was evicted in vain.
TEST_F(BudgetRacesTest, AnotherBufferTakesTheBytesThatAnEvictionNeeds) {
  Share(10, 1, 100);
  RequestContext context;
  context.bytes = 50;
  AsyncRequest oldest = Fail(context);
  context.bytes = 90;
  std::unique_ptr<AsyncRequest> newcomer;
  StopAt before_shared("bytes:before-shared");
  Step submit([&] { newcomer = std::make_unique<AsyncRequest>(Fail(context)); });
  ASSERT_TRUE(before_shared.Await());
  const AsyncRequest winner = RequestToOther(20);
  EXPECT_TRUE(winner.held());
  before_shared.LetGo();
  ASSERT_TRUE(submit.Join());
  EXPECT_EQ(ReasonOf(newcomer->refusal()), BufferErrorReason::kBufferFull);
  PollAll();
  EXPECT_FALSE(oldest.done());
  EXPECT_EQ(Taken().bytes_held, 70u);
  EXPECT_EQ(buffer().Stats().bytes_held, 50u);
}

TEST_F(BudgetRacesTest, TwoDrainsTakeTheLastTurn) {
  Share(100, 3);
  HoldMany();
  StopAt before_turn("drain:before-shared-turn");
  Step drain([&] { EndFailoverOf(buffer()); });
  ASSERT_TRUE(before_turn.Await());
  EndFailoverOf(*other_);
  other_->Poll();
  EXPECT_EQ(Runs(others_), 2);
  before_turn.LetGo();
  ASSERT_TRUE(drain.Join());
  PollAll();
  EXPECT_EQ(Runs(mine_), 1) << "the one that each shard may have";
  EXPECT_EQ(Taken().retries, 3u);
  DrainAll(*other_, others_);
  DrainAll(buffer(), mine_);
}

TEST_F(BudgetRacesTest, TheLastTurnComesBackToTheOneThatDrainsFirst) {
  Share(100, 3);
  HoldMany();
  EndFailoverOf(*other_);
  other_->Poll();
  ASSERT_EQ(Runs(others_), 3);
  StopAt before_turn("drain:before-shared-turn");
  Step drain([&] { EndFailoverOf(buffer()); });
  ASSERT_TRUE(before_turn.Await());
  for (RacingRequest& request : others_) {
    if (request.runs() > 0) request.EndRetry();
  }
  EXPECT_EQ(Taken().retries, 3u) << "one is mine, and the other Buffer has taken the rest anew";
  before_turn.LetGo();
  ASSERT_TRUE(drain.Join());
  buffer().Poll();
  other_->Poll();
  EXPECT_EQ(Runs(mine_), 1);
  EXPECT_EQ(Runs(others_), 5);
  DrainAll(*other_, others_);
  DrainAll(buffer(), mine_);
}

// Nobody is woken across Buffers, so a drain that just misses a turn must ask again by itself.
TEST_F(BudgetRacesTest, ATurnThatComesBackJustTooLateIsFoundAfterTenMilliseconds) {
  Share(100, 5);
  HoldMany();
  EndFailoverOf(*other_);
  other_->Poll();
  ASSERT_EQ(Runs(others_), 5);
  // The report asks twice.
  StopAt no_turn("drain:no-shared-turn", 1);
  Step drain([&] { EndFailoverOf(buffer()); });
  ASSERT_TRUE(no_turn.Await());
  DrainAll(*other_, others_);
  EXPECT_EQ(Taken().retries, 1u);
  no_turn.LetGo();
  ASSERT_TRUE(drain.Join());
  EXPECT_EQ(PollAll(), absl::Milliseconds(10));
  EXPECT_EQ(Runs(mine_), 1);
  Advance(absl::Milliseconds(10));
  EXPECT_EQ(Runs(mine_), 5);
  DrainAll(buffer(), mine_);
}

TEST_F(BudgetRacesTest, ABufferIsDestroyedWhileAnotherOneDrains) {
  Share(100, 5);
  HoldMany();
  EndFailoverOf(*other_);
  other_->Poll();
  ASSERT_EQ(Runs(others_), 5);
  StopAt retire("retire:before-lock");
  Step destroy([&] { delete std::exchange(other_, nullptr).release(); });
  ASSERT_TRUE(retire.Await());
  EndFailoverOf(buffer());
  PollAll();
  EXPECT_EQ(Runs(mine_), 1);
  EXPECT_EQ(Taken().retries, 6u);
  retire.LetGo();
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(Taken().retries, 1u);
  EXPECT_EQ(Taken().slots_free, 95u);
  Advance(absl::Milliseconds(10));
  EXPECT_EQ(Runs(mine_), 5);
  for (RacingRequest& request : others_) request.EndRetry();
  EXPECT_EQ(Taken().retries, 5u) << "the tokens of the Buffer that is gone give nothing back";
  DrainAll(buffer(), mine_);
}

TEST_F(BudgetRacesTest, ARetryThatEndsWhileItsBufferIsDestroyedGivesItsTurnBackOnce) {
  Share(100, 5);
  HoldMany();
  EndFailoverOf(*other_);
  other_->Poll();
  StopAt before_lock("retry-end:before-lock");
  Step end([&] { others_[0].EndRetry(); });
  ASSERT_TRUE(before_lock.Await());
  EndFailoverOf(buffer());
  Step destroy([&] { delete std::exchange(other_, nullptr).release(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  before_lock.LetGo();
  ASSERT_TRUE(end.Join());
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(Taken().retries, 1u);
  EXPECT_EQ(Taken().slots_free, 95u);
  DrainAll(buffer(), mine_);
}

}  // namespace
}  // namespace failover::test
