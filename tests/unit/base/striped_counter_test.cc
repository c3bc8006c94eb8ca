// These tests cover the striped counters, which count the requests to disabled shards.
#include "base/striped_counter.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace failover::internal {
namespace {

TEST(StripedCountersTest, LanesAreApart) {
  const auto counters = std::make_unique<StripedCounters>();
  for (std::size_t lane = 0; lane < StripedCounters::kLanes; ++lane) {
    for (std::size_t n = 0; n < lane; ++n) counters->Add(lane);
  }
  for (std::size_t lane = 0; lane < StripedCounters::kLanes; ++lane) {
    EXPECT_EQ(counters->Sum(lane), lane);
  }
}

TEST(StripedCountersTest, NoCountOfAnyThreadIsLost) {
  constexpr std::size_t kThreads = 20;
  constexpr std::size_t kCounts = 1000;
  const auto counters = std::make_unique<StripedCounters>();
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counters] {
      for (std::size_t n = 0; n < kCounts; ++n) counters->Add(3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters->Sum(3), kThreads * kCounts);
}

}  // namespace
}  // namespace failover::internal
