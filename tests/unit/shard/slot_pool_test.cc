// These tests cover the slots and bytes that all shards of a Buffer share.
#include "shard/slot_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
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

}  // namespace
}  // namespace failover::internal
