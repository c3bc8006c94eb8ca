// These tests cover the arrays that take an enum as index.
#include "failover/enum_array.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "failover/stats.h"

namespace failover::test {
namespace {

enum class Fruit : std::uint8_t { kApple, kPear, kPlum };
using Fruits = EnumArray<Fruit, 3>;

TEST(EnumArrayTest, BugEnumAsIndex_TheCountersTakeTheirEnumAndNumbers) {
  ShardStats stats;
  stats.stops[StopReason::kManual] = 1;
  stats.requests_evicted[EvictedReason::kContextDone] = 2;
  stats.requests_skipped[SkippedReason::kLastFailoverTooRecent] = 3;
  EXPECT_EQ(stats.stops[6], 1u);
  EXPECT_EQ(stats.requests_evicted[2], 2u);
  EXPECT_EQ(stats.requests_skipped[std::size_t{4}], 3u);
  const ShardStats& same = stats;
  EXPECT_EQ(same.stops[StopReason::kManual], 1u);
  EXPECT_EQ(same.stops.at(StopReason::kManual), 1u);
}

TEST(EnumArrayTest, ItIsAStdArrayOtherwise) {
  const Fruits fruits{1, 2, 4};
  EXPECT_EQ(fruits.size(), 3u);
  EXPECT_EQ(std::accumulate(fruits.begin(), fruits.end(), std::uint64_t{0}), 7u);
  EXPECT_EQ(fruits.data()[1], 2u);
  const std::array<std::uint64_t, 3>& as_array = fruits;
  EXPECT_EQ(as_array, (std::array<std::uint64_t, 3>{1, 2, 4}));
  EXPECT_NE(fruits, Fruits{});
  EXPECT_EQ(std::get<2>(fruits), 4u);
  EXPECT_THROW(static_cast<void>(fruits.at(3)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(fruits.at(static_cast<Fruit>(3))), std::out_of_range);
}

TEST(EnumArrayTest, ItCostsNothing) {
  static_assert(sizeof(Fruits) == 3 * sizeof(std::uint64_t));
  static_assert(std::is_trivially_copyable_v<Fruits> && std::is_aggregate_v<Fruits>);
  constexpr Fruits kFruits{1, 2, 4};
  static_assert(kFruits[Fruit::kPlum] == 4 && kFruits.at(Fruit::kPear) == 2 && kFruits[0] == 1);
}

TEST(EnumArrayDeathTest, AnIndexOutOfRangeIsAnAssertion) {
#ifdef NDEBUG
  GTEST_SKIP() << "assertions are off";
#endif
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Fruits fruits{};
  EXPECT_DEATH(static_cast<void>(fruits[static_cast<Fruit>(3)]), "index < N");
  EXPECT_DEATH(static_cast<void>(fruits[3]), "index < N");
}

}  // namespace
}  // namespace failover::test
