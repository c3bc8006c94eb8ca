// These tests cover which retries of a drain have a turn, and how many may have one.
#include "shard/drain_turns.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace failover::internal {
namespace {

Instant At(int second) { return Instant(std::chrono::seconds(second)); }

class DrainTurnsTest : public ::testing::Test {
 protected:
  void Begin(std::int64_t concurrency, std::int64_t most) {
    turns_.Reserve(static_cast<std::size_t>(most), most);
    turns_.Begin(concurrency, most);
  }
  std::uint32_t Take(std::uint64_t retry, Instant gives_up = kNever, Instant overdue = kNever) {
    return turns_.Take(retry, gives_up, overdue);
  }
  DrainTurns turns_{nullptr};
};

TEST_F(DrainTurnsTest, AsManyAsTheConcurrencyHaveATurn) {
  Begin(2, 8);
  Take(1);
  EXPECT_TRUE(turns_.HasTurn());
  Take(2);
  EXPECT_FALSE(turns_.HasTurn());
}

TEST_F(DrainTurnsTest, OtherLimitsActInTheDrain) {
  Begin(1, 8);
  turns_.Grow();
  turns_.ChangeLimits(1, 8);
  EXPECT_EQ(turns_.concurrency(), 2) << "the same limits change nothing";
  turns_.ChangeLimits(4, 8);
  EXPECT_EQ(turns_.concurrency(), 4);
  turns_.ChangeLimits(4, 3);
  EXPECT_EQ(turns_.concurrency(), 3);
  turns_.ChangeLimits(1, 3);
  EXPECT_EQ(turns_.concurrency(), 1);
}

TEST_F(DrainTurnsTest, NoMoreTurnsThanThereIsMemoryFor) {
  turns_.Begin(100, 100);
  std::uint64_t taken = 0;
  while (turns_.HasTurn()) Take(++taken);
  EXPECT_GE(taken, 1u) << "a drain goes on in any case";
  EXPECT_LT(taken, 100u);
  EXPECT_TRUE(turns_.TryReserve(100, 100));
  EXPECT_TRUE(turns_.HasTurn());
}

TEST_F(DrainTurnsTest, AnEndGivesTheTurnBackOnce) {
  Begin(1, 8);
  const std::uint32_t entry = Take(1);
  EXPECT_TRUE(turns_.End(entry, 1));
  EXPECT_TRUE(turns_.HasTurn());
  EXPECT_FALSE(turns_.End(entry, 1));
  EXPECT_EQ(turns_.unended(), 0);
}

TEST_F(DrainTurnsTest, AnEntryIsUsedAgainAndKnowsItsRetry) {
  Begin(1, 8);
  const std::uint32_t first = Take(1);
  turns_.End(first, 1);
  const std::uint32_t second = Take(2);
  EXPECT_EQ(first, second);
  EXPECT_FALSE(turns_.End(first, 1));
  EXPECT_EQ(turns_.unended(), 1);
  EXPECT_TRUE(turns_.End(second, 2));
}

TEST_F(DrainTurnsTest, ARetryOfAnEarlierDrainCountsNoMore) {
  Begin(2, 8);
  const std::uint32_t ended = Take(1);
  const std::uint32_t entry = Take(2, At(1), At(9));
  turns_.End(ended, 1);
  turns_.Begin(1, 8);
  EXPECT_EQ(turns_.next_due(), kNever);
  EXPECT_EQ(turns_.unended(), 0);
  EXPECT_FALSE(turns_.End(entry, 2)) << "before the new drain lets anybody go";
  Take(3);
  EXPECT_FALSE(turns_.HasTurn());
  Take(4);
  EXPECT_FALSE(turns_.End(entry, 2)) << "the entry is that of another retry now";
  EXPECT_EQ(turns_.Expire(At(9)), 0u);
  EXPECT_EQ(turns_.unended(), 2);
  EXPECT_EQ(turns_.taken(), 2);
}

TEST_F(DrainTurnsTest, ATurnThatIsGivenUpLeavesTheRetryUnended) {
  Begin(1, 8);
  const std::uint32_t entry = Take(1, At(1), At(9));
  EXPECT_EQ(turns_.Expire(At(1)), 0u);
  EXPECT_TRUE(turns_.HasTurn());
  EXPECT_EQ(turns_.unended(), 1);
  EXPECT_LE(turns_.next_due(), At(9));
  EXPECT_TRUE(turns_.End(entry, 1));
  EXPECT_EQ(turns_.taken(), 0);
}

TEST_F(DrainTurnsTest, AnOverdueRetryCountsNoMore) {
  Begin(1, 8);
  const std::uint32_t entry = Take(1, kNever, At(5));
  EXPECT_EQ(turns_.Expire(At(4)), 0u);
  EXPECT_FALSE(turns_.HasTurn());
  EXPECT_EQ(turns_.Expire(At(5)), 1u);
  EXPECT_TRUE(turns_.HasTurn());
  EXPECT_EQ(turns_.unended(), 0);
  EXPECT_FALSE(turns_.End(entry, 1));
}

TEST_F(DrainTurnsTest, ARetryThatIsOverdueBeforeItGivesUpIsOverdueOnce) {
  Begin(1, 8);
  Take(1, At(5), At(3));
  EXPECT_EQ(turns_.next_due(), At(3));
  EXPECT_EQ(turns_.Expire(At(9)), 1u);
  EXPECT_EQ(turns_.Expire(At(9)), 0u);
  EXPECT_EQ(turns_.taken(), 0);
}

TEST_F(DrainTurnsTest, NeverMoreAreUnendedThanTheMost) {
  Begin(1, 2);
  Take(1, At(1));
  turns_.Expire(At(1));
  Take(2, At(2));
  turns_.Expire(At(2));
  EXPECT_EQ(turns_.taken(), 0);
  EXPECT_FALSE(turns_.HasTurn());
}

TEST_F(DrainTurnsTest, TheNextDueIsNeverTooLate) {
  Begin(8, 8);
  Take(1, At(7), At(20));
  Take(2, At(3), At(20));
  Take(3, kNever, At(5));
  EXPECT_LE(turns_.next_due(), At(3));
  turns_.Expire(At(3));
  EXPECT_LE(turns_.next_due(), At(5));
  turns_.Expire(At(5));
  EXPECT_LE(turns_.next_due(), At(7));
}

TEST_F(DrainTurnsTest, TheConcurrencyGrowsToTheMostAndHalvesToOne) {
  Begin(1, 3);
  for (int i = 0; i < 5; ++i) turns_.Grow();
  EXPECT_EQ(turns_.concurrency(), 3);
  turns_.Halve();
  EXPECT_EQ(turns_.concurrency(), 1);
  turns_.Halve();
  EXPECT_EQ(turns_.concurrency(), 1);
}

TEST_F(DrainTurnsTest, ARetryOfAClosingShardIsUnendedWithoutAnEntry) {
  Begin(1, 1);
  for (int i = 0; i < 3; ++i) turns_.TakeWithoutEntry();
  EXPECT_EQ(turns_.unended(), 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(turns_.End(DrainTurns::kNoEntry, 0));
  EXPECT_EQ(turns_.unended(), 0);
}

// ---- Turns of a failover::Budget ----------------------------------------------------------------

class SharedTurnsTest : public ::testing::Test {
 protected:
  // A drain that may take as many turns as it likes.
  static void Begin(DrainTurns& turns) {
    turns.Reserve(8, 8);
    turns.Begin(8, 8);
  }
  static std::uint32_t Take(DrainTurns& turns, std::uint64_t retry, Instant gives_up = kNever,
                            Instant overdue = kNever) {
    EXPECT_TRUE(turns.Claim(At(0)));
    return turns.Take(retry, gives_up, overdue);
  }

  SharedTurns shared_{2};
  DrainTurns first_{&shared_};
  DrainTurns second_{&shared_};
};

TEST_F(SharedTurnsTest, ADrainWithoutATurnAlwaysGetsOne) {
  Begin(first_);
  Begin(second_);
  Take(first_, 1);
  Take(first_, 2);
  EXPECT_FALSE(first_.Claim(At(0)));
  Take(second_, 3);
  EXPECT_FALSE(second_.Claim(At(0)));
  EXPECT_EQ(shared_.taken(), 3);
}

TEST_F(SharedTurnsTest, ADrainThatGetsNoneAsksAgain) {
  Begin(first_);
  Take(first_, 1, At(7));
  Take(first_, 2, At(7));
  EXPECT_EQ(first_.next_due(), At(7));
  EXPECT_FALSE(first_.AsksAgain(At(3)));
  EXPECT_FALSE(first_.Claim(At(3)));
  EXPECT_EQ(first_.next_due(), At(3) + DrainTurns::kPause);
  EXPECT_TRUE(first_.AsksAgain(At(3)));
  EXPECT_EQ(first_.Expire(At(3) + DrainTurns::kPause), 0u);
  EXPECT_EQ(first_.next_due(), At(7));
}

TEST_F(SharedTurnsTest, TheLimitsOfTheDrainComeFirst) {
  first_.Reserve(8, 8);
  first_.Begin(1, 8);
  Take(first_, 1);
  EXPECT_FALSE(first_.Claim(At(3)));
  EXPECT_EQ(first_.next_due(), kNever) << "no turn of another drain would help";
}

TEST_F(SharedTurnsTest, EachWayGivesATurnBackOnce) {
  Begin(first_);
  const std::uint32_t ends = Take(first_, 1);
  const std::uint32_t gives_up = Take(first_, 2, At(1), At(9));
  EXPECT_TRUE(first_.End(ends, 1));
  EXPECT_EQ(shared_.taken(), 1);
  EXPECT_FALSE(first_.End(ends, 1));
  first_.Expire(At(1));
  EXPECT_EQ(shared_.taken(), 0);
  EXPECT_TRUE(first_.End(gives_up, 2));
  EXPECT_EQ(shared_.taken(), 0);
  Take(first_, 3, kNever, At(2));
  first_.Expire(At(2));
  EXPECT_EQ(shared_.taken(), 0);
}

TEST_F(SharedTurnsTest, AnotherDrainBeginsWithoutTurns) {
  Begin(first_);
  const std::uint32_t earlier = Take(first_, 1);
  Take(first_, 2);
  Begin(first_);
  EXPECT_EQ(shared_.taken(), 0);
  EXPECT_FALSE(first_.End(earlier, 1));
  EXPECT_EQ(shared_.taken(), 0);
}

TEST_F(SharedTurnsTest, WhatAClosingShardLetsGoTakesNone) {
  Begin(first_);
  first_.TakeWithoutEntry();
  EXPECT_EQ(shared_.taken(), 0);
  EXPECT_TRUE(first_.End(DrainTurns::kNoEntry, 0));
  EXPECT_EQ(shared_.taken(), 0);
}

}  // namespace
}  // namespace failover::internal
