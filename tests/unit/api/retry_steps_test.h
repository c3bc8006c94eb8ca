// The tests of RetrySteps share this fixture. The test plays the Buffer and the database: it says
// what each wait and each attempt ended with. Only the tokens come from a Buffer.
#ifndef FAILOVER_TESTS_UNIT_API_RETRY_STEPS_TEST_H_
#define FAILOVER_TESTS_UNIT_API_RETRY_STEPS_TEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <utility>

#include "failover/retry_steps.h"
#include "support/buffer_test.h"

namespace failover {

// GoogleTest finds this function by argument-dependent lookup.
inline void PrintTo(RetrySteps::Step step, std::ostream* out) {
  switch (step) {
    case RetrySteps::Step::kWait:
      *out << "kWait";
      return;
    case RetrySteps::Step::kAttempt:
      *out << "kAttempt";
      return;
    case RetrySteps::Step::kFinish:
      *out << "kFinish";
      return;
  }
}

namespace test {
inline constexpr Attempt kEveryEnd[] = {Attempt::kRefused, Attempt::kRefusedAtConnect,
                                        Attempt::kFailed, Attempt::kSucceeded, Attempt::kUnknown};

inline bool IsRefused(Attempt attempt) {
  return attempt == Attempt::kRefused || attempt == Attempt::kRefusedAtConnect;
}

inline std::string Name(Attempt attempt) {
  return "Attempt " + std::to_string(static_cast<int>(attempt));
}

// How a retry ended, as far as the Buffer knows.
enum class Told : std::uint8_t { kNotEnded, kUntold, kSucceeded, kFailed };

class RetryStepsTest : public BufferTest {
 protected:
  using Step = RetrySteps::Step;

  RetryStepsTest() {
    BufferOptions options = ManualOptions();
    options.max_shards = std::numeric_limits<int>::max();
    options.min_time_between_failovers = options.max_failover_duration * 2;
    Create(options);
  }

  // Returns the token of a request that was held and released. Each token has a shard of its own.
  RetryDoneFunc HeldToken() {
    const std::string name = "token" + std::to_string(++tokens_);
    EXPECT_TRUE(buffer().StartBuffering(Shard(name), "a test"));
    AsyncRequest request = RequestTo(Shard(name));
    EXPECT_TRUE(buffer().StopBuffering(Shard(name)));
    buffer().Poll();
    EXPECT_TRUE(request.released());
    return std::move(request.token());
  }

  // How the retry of a token ended; 1 is the first token of the test.
  Told EndOf(int token) {
    const ShardStats stats = Stats("token" + std::to_string(token));
    if (stats.requests_retrying > 0) return Told::kNotEnded;
    EXPECT_LE(stats.retries_succeeded + stats.retries_failed, 1u);
    if (stats.retries_succeeded > 0) return Told::kSucceeded;
    return stats.retries_failed > 0 ? Told::kFailed : Told::kUntold;
  }
  Told EndOfLast() { return EndOf(tokens_); }

  absl::Time Now() { return clock_.Now(); }

  // Starts a request, and brings it to its first attempt.
  void StartAttempt(const RequestContext& context = {}, bool held = false) {
    steps_.Start(Now(), context);
    steps_.WaitEnded(held ? HeldToken() : RetryDoneFunc());
    ASSERT_EQ(steps_.step(), Step::kAttempt);
  }

  RetrySteps steps_;
  int tokens_ = 0;
};

inline RequestContext WithTimeout(absl::Duration timeout) {
  RequestContext context;
  context.timeout = timeout;
  return context;
}

}  // namespace test
}  // namespace failover

#endif  // FAILOVER_TESTS_UNIT_API_RETRY_STEPS_TEST_H_
