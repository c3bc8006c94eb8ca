// These tests cover the limit on how many shards a Buffer may know.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class MaxShardsTest : public BufferTest {
 protected:
  MaxShardsTest() {
    BufferOptions options = ManualOptions();
    options.max_shards = 2;
    Create(options);
    first_ = Shard("0");
    second_ = Shard("1");
  }
  std::uint64_t Refused() { return buffer().Stats().requests_skipped_too_many_shards; }

  ShardHandle first_;
  ShardHandle second_;
};

TEST_F(MaxShardsTest, UpToTheBoundShardsBecomeKnown) {
  EXPECT_TRUE(first_);
  EXPECT_TRUE(second_);
  EXPECT_EQ(buffer().Stats().shards.size(), 2u);
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(MaxShardsTest, BeyondItAHandleIsInertAndItsRequestsPass) {
  const ShardHandle third = Shard("2");
  EXPECT_FALSE(third);
  EXPECT_EQ(third, ShardHandle());
  EXPECT_TRUE(FailOn(third).passed());
  EXPECT_FALSE(buffer().StartBuffering(third, "a test"));
  EXPECT_FALSE(buffer().StopBuffering(third));
  EXPECT_EQ(buffer().Stats().shards.size(), 2u);
}

TEST_F(MaxShardsTest, EveryRefusedLookUpIsCountedARequestByHandleIsNot) {
  const ShardHandle third = Shard("2");
  EXPECT_EQ(Refused(), 1u);
  EXPECT_TRUE(FailOn(third).passed());
  EXPECT_EQ(Refused(), 1u);
  absl::StatusOr<RetryDoneFunc> passed =
      buffer().WaitForFailoverEnd({}, "ks", "2", FailoverError());
  ASSERT_TRUE(passed.ok());
  EXPECT_FALSE(*passed);
  EXPECT_EQ(Refused(), 2u);
  Report(1, true, 1, "2");
  EXPECT_EQ(Refused(), 3u);
}

TEST_F(MaxShardsTest, KnownShardsWorkOn) {
  EXPECT_FALSE(Shard("2"));
  EXPECT_EQ(Shard("0"), first_);
  const AsyncRequest request = FailOn(second_);
  EXPECT_TRUE(request.held());
}

TEST_F(MaxShardsTest, AStatsLookUpMakesNoShardKnown) {
  EXPECT_FALSE(buffer().GetShardStats("ks", "2").has_value());
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(MaxShardsTest, ThousandsOfShardsKeepTheirIdentity) {
  constexpr int kShards = 3000;
  Create(ManualOptions());
  std::vector<ShardHandle> handles;
  for (int i = 0; i < kShards; ++i) handles.push_back(Shard(std::to_string(i)));
  const AsyncRequest request = FailOn(handles[1234]);
  for (int i = 0; i < kShards; ++i) {
    ASSERT_EQ(Shard(std::to_string(i)), handles[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(Stats("1234").requests_held, 1u);
  EXPECT_EQ(Stats("1235").requests_held, 0u);
}

}  // namespace
}  // namespace failover::test
