// LogLimiter and Backoff, with times that the tests make up.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "proxy/core/backoff.h"
#include "proxy/core/log_limiter.h"

namespace proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LogLimiterTest, OneEventPerPeriodIsLoggedAndTheOthersAreCounted) {
  LogLimiter limiter(seconds(10));
  const LogLimiter::Clock::time_point start{};
  EXPECT_EQ(limiter.Note(start), std::optional<std::uint64_t>(0));
  EXPECT_EQ(limiter.Note(start), std::nullopt);
  EXPECT_EQ(limiter.Note(start + milliseconds(9999)), std::nullopt);
  EXPECT_EQ(limiter.Note(start + seconds(10)), std::optional<std::uint64_t>(2));
  EXPECT_EQ(limiter.Note(start + seconds(19)), std::nullopt);
  EXPECT_EQ(limiter.Note(start + seconds(100)), std::optional<std::uint64_t>(1));
  EXPECT_EQ(limiter.Note(start + seconds(200)), std::optional<std::uint64_t>(0));
}

TEST(BackoffTest, PausesDoubleUpToTheLongest) {
  Backoff backoff(milliseconds(10), milliseconds(35));
  EXPECT_EQ(backoff.Failed(), milliseconds(10));
  EXPECT_EQ(backoff.Failed(), milliseconds(20));
  EXPECT_EQ(backoff.Failed(), milliseconds(35));
  EXPECT_EQ(backoff.Failed(), milliseconds(35));
  backoff.Succeeded();
  EXPECT_EQ(backoff.Failed(), milliseconds(10));
}

}  // namespace
}  // namespace proxy
