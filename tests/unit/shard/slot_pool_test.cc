// These tests cover the slots and bytes that all shards of a Buffer share.
#include "shard/slot_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

namespace failover::internal {
namespace {

TEST(SlotPoolTest, SlotsAreTakenOneByOne) {
  SlotPool pool(2, 0);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kFull);
  EXPECT_EQ(pool.free_slots(), 0);
}

TEST(SlotPoolTest, SlotsComeBack) {
  SlotPool pool(3, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  pool.ReturnSlots(2);
  EXPECT_EQ(pool.free_slots(), 2);
  pool.ReturnSlots(0);
  EXPECT_EQ(pool.free_slots(), 2);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
}

TEST(SlotPoolTest, WithoutALimitAllBytesAreGiven) {
  SlotPool pool(1, 0);
  EXPECT_EQ(pool.TakeBytes(1000, 0), 1000u);
  EXPECT_EQ(pool.bytes_held(), 1000u);
  pool.ReturnBytes(400);
  EXPECT_EQ(pool.bytes_held(), 600u);
}

TEST(SlotPoolTest, WithALimitWhatIsLeftIsGiven) {
  SlotPool pool(1, 100);
  EXPECT_EQ(pool.max_bytes(), 100u);
  EXPECT_EQ(pool.TakeBytes(70, 0), 70u);
  EXPECT_EQ(pool.TakeBytes(70, 0), 30u);
  EXPECT_EQ(pool.TakeBytes(70, 0), 0u);
  EXPECT_EQ(pool.TakeBytes(0, 0), 0u);
  pool.ReturnBytes(100);
  EXPECT_EQ(pool.TakeBytes(100, 0), 100u);
}

TEST(SlotPoolTest, LessThanTheLeastIsNotTaken) {
  SlotPool pool(1, 100);
  EXPECT_EQ(pool.TakeBytes(40, 0), 40u);
  EXPECT_EQ(pool.TakeBytes(100, 61), std::nullopt);
  EXPECT_EQ(pool.bytes_held(), 40u) << "a refused request takes no bytes for a moment";
  EXPECT_EQ(pool.TakeBytes(100, 60), 60u);
}

TEST(SlotPoolTest, ASmallerLimitTakesNothingBackAndGivesNothingOut) {
  SlotPool pool(3, 100);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(pool.TakeBytes(80, 0), 80u);
  pool.SetLimits(2, 50);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kAboveLimit);
  EXPECT_EQ(pool.free_slots(), 0);
  EXPECT_EQ(pool.taken_slots(), 3);
  EXPECT_EQ(pool.TakeBytes(1, 0), std::nullopt);
  EXPECT_EQ(pool.TakeBytes(0, 0), 0u);
  pool.ReturnSlots(1);
  pool.ReturnBytes(30);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kFull);
  EXPECT_EQ(pool.TakeBytes(10, 0), 0u) << "nothing is free, and nothing too much is held";
  pool.SetLimits(3, 0);
  EXPECT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(pool.TakeBytes(1000, 0), 1000u);
}

TEST(SlotPoolTest, ThreadsNeverGetMoreThanThereIs) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  constexpr int kSlots = 3;
  SlotPool pool(kSlots, 100);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        if (pool.TakeSlot() != SlotAnswer::kTaken) continue;
        EXPECT_LE(++taken, kSlots);
        const std::uint64_t bytes = *pool.TakeBytes(60, 0);
        EXPECT_LE(pool.bytes_held(), 100u);
        pool.ReturnBytes(bytes);
        --taken;
        pool.ReturnSlots(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.free_slots(), kSlots);
  EXPECT_EQ(pool.bytes_held(), 0u);
}

// ---- Two pools with a shared one ----------------------------------------------------------------

class SharedPoolTest : public ::testing::Test {
 protected:
  void ExpectHeld(std::uint64_t mine, std::uint64_t other) {
    EXPECT_EQ(mine_.bytes_held(), mine);
    EXPECT_EQ(other_.bytes_held(), other);
    EXPECT_EQ(shared_.bytes_held(), mine + other);
  }

  SlotPool shared_{3, 100};
  SlotPool mine_{2, 60, &shared_};
  SlotPool other_{9, 0, &shared_};
};

TEST_F(SharedPoolTest, ASlotIsTakenFromBothOrFromNone) {
  EXPECT_EQ(mine_.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(mine_.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(mine_.TakeSlot(), SlotAnswer::kFull);
  EXPECT_EQ(shared_.taken_slots(), 2);
  EXPECT_EQ(other_.TakeSlot(), SlotAnswer::kTaken);
  EXPECT_EQ(other_.TakeSlot(), SlotAnswer::kFull);
  EXPECT_EQ(other_.taken_slots(), 1);
  mine_.ReturnSlots(2);
  EXPECT_EQ(shared_.taken_slots(), 1);
}

TEST_F(SharedPoolTest, BytesAreTakenFromBothOrFromNone) {
  EXPECT_EQ(mine_.TakeBytes(50, 50), 50u);
  EXPECT_EQ(other_.TakeBytes(45, 45), 45u);
  EXPECT_EQ(mine_.TakeBytes(10, 6), std::nullopt) << "five are free";
  ExpectHeld(50, 45);
  EXPECT_EQ(mine_.TakeBytes(10, 5), 5u);
  ExpectHeld(55, 45);
  EXPECT_EQ(mine_.TakeBytes(10, 0), 0u);
  ExpectHeld(55, 45);
  other_.ReturnBytes(45);
  EXPECT_EQ(mine_.TakeBytes(10, 6), std::nullopt) << "five are free in the pool itself";
  EXPECT_EQ(mine_.TakeBytes(10, 5), 5u);
  ExpectHeld(60, 0);
}

TEST_F(SharedPoolTest, EachLimitOfBytesCounts) {
  EXPECT_FALSE(mine_.IsTooLarge(60));
  EXPECT_TRUE(mine_.IsTooLarge(61));
  EXPECT_FALSE(other_.IsTooLarge(100));
  EXPECT_TRUE(other_.IsTooLarge(101));
}

TEST_F(SharedPoolTest, WithoutALimitOfBytesTheyAreCounted) {
  SlotPool no_limit(3, 0);
  SlotPool mine(3, 0, &no_limit);
  EXPECT_EQ(mine.TakeBytes(UINT64_MAX, UINT64_MAX), UINT64_MAX);
  EXPECT_FALSE(mine.IsTooLarge(UINT64_MAX));
  EXPECT_EQ(mine.TakeBytes(7, 7), 7u);
  mine.ReturnBytes(UINT64_MAX);
  EXPECT_EQ(mine.bytes_held(), 7u);
  EXPECT_EQ(no_limit.bytes_held(), 7u);
}

TEST_F(SharedPoolTest, ManyThreadsTakeNoSlotAndNoByteTwice) {
  SlotPool shared(3, 30);
  SlotPool first(2, 0, &shared);
  SlotPool second(9, 25, &shared);
  std::atomic<bool> overdrawn{false};
  const auto work = [&](SlotPool& pool) {
    for (int i = 0; i < 20'000; ++i) {
      if (pool.TakeSlot() == SlotAnswer::kTaken) {
        if (shared.taken_slots() > 3) overdrawn = true;
        pool.ReturnSlots(1);
      }
      if (const auto bytes = pool.TakeBytes(20, 5)) {
        if (shared.bytes_held() > 30) overdrawn = true;
        pool.ReturnBytes(*bytes);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(work, std::ref(first));
    threads.emplace_back(work, std::ref(second));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overdrawn);
  for (const SlotPool* pool : {&shared, &first, &second}) {
    EXPECT_EQ(pool->taken_slots(), 0);
    EXPECT_EQ(pool->bytes_held(), 0u);
  }
}

}  // namespace
}  // namespace failover::internal
