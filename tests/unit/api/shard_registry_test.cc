// These tests cover the table of all shards.
#include "api/shard_registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace failover::internal {
namespace {

class Owner final : public RefCounted {};

class ShardRegistryTest : public ::testing::Test {
 protected:
  ShardBuffer* Make(ShardRegistry& registry, const std::string& shard) {
    return registry.FindOrMake(
        "ks", shard, [] { return false; }, [this](std::size_t count) { prepared_ = count; },
        [this](std::string_view keyspace, std::string_view name, const DisabledLane& lane) {
          ++made_;
          return std::make_unique<ShardBuffer>(context_, keyspace, name, Mode::kEnabled, lane, 0);
        });
  }

  std::size_t prepared_ = 0;
  int made_ = 0;

 private:
  Owner owner_;
  SlotPool pool_{1, 0};
  const ShardTerms terms_{std::chrono::seconds(10), std::chrono::seconds(20),
                          std::chrono::minutes(1), 1};
  const ShardContext context_{owner_, pool_, {terms_, terms_}};
};

TEST_F(ShardRegistryTest, WhatWasMadeIsFound) {
  ShardRegistry registry(10);
  EXPECT_EQ(registry.Find("ks", "0"), nullptr);
  ShardBuffer* const shard = Make(registry, "0");
  ASSERT_NE(shard, nullptr);
  EXPECT_EQ(shard->keyspace(), "ks");
  EXPECT_EQ(shard->shard(), "0");
  EXPECT_EQ(registry.Find("ks", "0"), shard);
  EXPECT_EQ(registry.Find("ks", "1"), nullptr);
  EXPECT_EQ(registry.Find("other", "0"), nullptr);
}

TEST_F(ShardRegistryTest, EachIsMadeOnce) {
  ShardRegistry registry(10);
  ShardBuffer* const shard = Make(registry, "0");
  EXPECT_EQ(Make(registry, "0"), shard);
  EXPECT_EQ(made_, 1);
}

TEST_F(ShardRegistryTest, RoomIsPreparedBeforeAShardIsMade) {
  ShardRegistry registry(10);
  Make(registry, "0");
  Make(registry, "1");
  EXPECT_EQ(prepared_, 2u);
}

TEST_F(ShardRegistryTest, NoMoreThanTheBound) {
  ShardRegistry registry(2);
  ShardBuffer* const first = Make(registry, "0");
  EXPECT_FALSE(registry.full());
  Make(registry, "1");
  EXPECT_TRUE(registry.full());
  EXPECT_EQ(Make(registry, "2"), nullptr);
  EXPECT_EQ(Make(registry, "0"), first);
}

TEST_F(ShardRegistryTest, NoneOnceItIsClosed) {
  ShardRegistry registry(10);
  ShardBuffer* const first = Make(registry, "0");
  registry.Close();
  EXPECT_EQ(Make(registry, "1"), nullptr);
  EXPECT_EQ(Make(registry, "0"), first);
  EXPECT_EQ(registry.Find("ks", "0"), first);
}

TEST_F(ShardRegistryTest, ARenewalGivesLanesAndAnotherBound) {
  ShardRegistry registry(1);
  ASSERT_NE(Make(registry, "0"), nullptr);
  EXPECT_EQ(Make(registry, "1"), nullptr);
  std::vector<DisabledLane> lanes;
  int published = 0;
  const auto needs = [](const ShardBuffer& shard) { return shard.LacksDisabledLane(); };
  EXPECT_TRUE(registry.Renew(3, needs, &lanes, [&published] { ++published; }));
  EXPECT_EQ(published, 1);
  ASSERT_EQ(lanes.size(), 1u);
  EXPECT_NE(lanes[0].counters, nullptr);
  ASSERT_NE(Make(registry, "1"), nullptr);
  std::vector<DisabledLane> more;
  EXPECT_TRUE(registry.Renew(2, needs, &more, [] {}));
  ASSERT_EQ(more.size(), 2u);
  EXPECT_FALSE(more[0].counters == lanes[0].counters && more[0].lane == lanes[0].lane);
  EXPECT_FALSE(more[0].counters == more[1].counters && more[0].lane == more[1].lane);
  EXPECT_EQ(Make(registry, "2"), nullptr);
  registry.Close();
  EXPECT_FALSE(registry.Renew(5, needs, &more, [] { ADD_FAILURE(); }));
}

TEST_F(ShardRegistryTest, ItGrowsAndKeepsTheOrder) {
  constexpr int kShards = 1000;
  ShardRegistry registry(kShards);
  std::vector<ShardBuffer*> made;
  for (int i = 0; i < kShards; ++i) made.push_back(Make(registry, std::to_string(i)));
  for (int i = 0; i < kShards; ++i) {
    ASSERT_EQ(registry.Find("ks", std::to_string(i)), made[static_cast<std::size_t>(i)]);
  }
  std::vector<ShardBuffer*> visited;
  registry.ForEach([&visited](ShardBuffer& shard) { visited.push_back(&shard); });
  EXPECT_EQ(visited, made);
}

TEST_F(ShardRegistryTest, ReadersNeverMissWhatTheySawBefore) {
  constexpr int kShards = 2000;
  ShardRegistry registry(kShards);
  Make(registry, "first");
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) ASSERT_NE(registry.Find("ks", "first"), nullptr);
  });
  for (int i = 1; i < kShards; ++i) Make(registry, std::to_string(i));
  done = true;
  reader.join();
}

}  // namespace
}  // namespace failover::internal
