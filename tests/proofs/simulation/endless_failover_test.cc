// These tests play failovers that nobody ever ends, on fixed seeds. Whatever happened before, no
// client waits longer than its windows, and none makes attempts without end.
#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <map>

#include "random.h"
#include "scene.h"
#include "spdlog/spdlog.h"
#include "support/silence.h"

namespace failover::simulation {
namespace {

constexpr absl::Duration kRandomTime = absl::Minutes(1);
constexpr absl::Duration kGoneTime = absl::Minutes(2);

// The servers change at random for a minute. Then the primary is gone, and no other one follows.
Scene::Script GoneAfterAMinute(Random& random) {
  std::map<absl::Duration, Servers> phases;
  Servers servers;
  for (absl::Duration t; t < kRandomTime; t += absl::Milliseconds(100 + random.Below(10'000))) {
    phases[t] = servers;
    servers.takes_writes = random.Chance(50);
    const bool lies = random.Chance(10);
    servers.said_to_serve = servers.takes_writes != lies;
    if (!random.Chance(30)) continue;
    servers.primary = servers.primary % 3 + 1;
    ++servers.term;
  }
  servers.takes_writes = servers.said_to_serve = false;
  phases[kRandomTime] = servers;
  return [phases](absl::Duration t) { return std::prev(phases.upper_bound(t))->second; };
}

class EndlessFailoverTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  EndlessFailoverTest() { test::SilenceTheLog(); }
  ~EndlessFailoverTest() override { spdlog::drop("failover"); }
};

// A client has one window while it comes back with its token. Once it comes back in vain, each
// attempt that is left to it may meet another hold.
TEST_P(EndlessFailoverTest, EachClientEndsWithinItsWindows) {
  Random random(GetParam());
  SceneOptions options;
  options.buffer.size = 10'000;
  options.has_feed = random.Chance(70);
  options.attempts = 3;
  options.attempt_ticks = static_cast<int>(1 + random.Below(20));
  const absl::Duration window = options.buffer.window;
  const absl::Duration attempts = options.attempt_ticks * 100 * absl::Milliseconds(10);
  Scene scene(options, GoneAfterAMinute(random));
  scene.Run(kRandomTime + kGoneTime);
  EXPECT_LE(scene.longest_wait(), 3 * window + attempts);
  EXPECT_LE(scene.most_attempts(), 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EndlessFailoverTest, ::testing::Range<std::uint64_t>(1, 51));

}  // namespace
}  // namespace failover::simulation
