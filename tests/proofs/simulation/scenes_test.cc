// These tests play failovers that routers have met, and say what they may cost at the most.
#include <gtest/gtest.h>

#include <cstdint>

#include "scene.h"
#include "spdlog/spdlog.h"
#include "support/silence.h"

namespace failover::simulation {
namespace {

constexpr absl::Duration kHour = absl::Hours(1);

class SceneTest : public ::testing::Test {
 protected:
  SceneTest() { test::SilenceTheLog(); }
  ~SceneTest() override { spdlog::drop("failover"); }
};

BufferOptions Roomy() {
  BufferOptions options;
  options.size = 10'000;
  return options;
}

SceneOptions Options() {
  SceneOptions options;
  options.buffer = Roomy();
  return options;
}

Servers ThatRefuse(bool said_to_serve) {
  Servers servers;
  servers.takes_writes = false;
  servers.said_to_serve = said_to_serve;
  return servers;
}

// The primary works for a second. Then it is read-only.
Scene::Script ReadOnlyFromTheFirstSecondOn(bool said_to_serve) {
  return [said_to_serve](absl::Duration t) {
    return t < absl::Seconds(1) ? Servers() : ThatRefuse(said_to_serve);
  };
}

// A switchover every 5 s: the old primary refuses for half a second, and another server follows.
Servers SwitchingEvery5s(absl::Duration t) {
  const std::int64_t turn = absl::ToInt64Seconds(t) / 5;
  Servers servers;
  const bool changes = t - absl::Seconds(5 * turn) >= absl::Milliseconds(4500) && turn < 6;
  servers.primary = static_cast<std::uint32_t>(turn < 6 ? turn % 2 + 1 : 1);
  servers.term = turn < 6 ? turn + 1 : 7;
  servers.takes_writes = servers.said_to_serve = !changes;
  return servers;
}

TEST_F(SceneTest, APrimaryThatFlapsEvery2sIsHeldForAThirdOfAnHourAtMost) {
  Scene scene(Options(), [](absl::Duration t) {
    const bool up = absl::ToInt64Seconds(t) / 2 % 2 == 0;
    return up ? Servers() : ThatRefuse(false);
  });
  scene.Run(kHour);
  EXPECT_LE(scene.held(), kHour / 3 + absl::Seconds(20));
  EXPECT_GT(scene.held(), absl::Minutes(10));
}

TEST_F(SceneTest, AFeedThatSaysServingWhileWritesAreRefusedMakesFewHoldsAndRetries) {
  Scene scene(Options(), ReadOnlyFromTheFirstSecondOn(/*said_to_serve=*/true));
  scene.Run(absl::Minutes(5));
  // One hold a second and a few more. When the budget ends, the queue is let go once.
  EXPECT_LE(scene.stats().starts, 5u * 60 + 10);
  EXPECT_LE(scene.refused_retries(), scene.requests() + 5u * 60 * 10);
  EXPECT_LE(scene.held(), absl::Minutes(5) / 3 + absl::Seconds(20));
}

TEST_F(SceneTest, SwitchoversEvery5sLeakNoErrorToClientsThatComeBack) {
  Scene scene(Options(), SwitchingEvery5s);
  scene.Run(absl::Seconds(40));
  EXPECT_EQ(scene.errors(), 0u);
  EXPECT_LE(scene.longest_wait(), absl::Seconds(2));
  EXPECT_EQ(scene.stats().state, State::kIdle);
}

TEST_F(SceneTest, SwitchoversEvery5sLeakNoErrorWithoutAFeedEither) {
  SceneOptions options = Options();
  options.has_feed = false;
  Scene scene(std::move(options), SwitchingEvery5s);
  scene.Run(absl::Seconds(40));
  EXPECT_EQ(scene.errors(), 0u);
  EXPECT_EQ(scene.stats().state, State::kIdle);
}

TEST_F(SceneTest, ReadOnlyForAnHourStallsTheClientsOnceWithAFeed) {
  Scene scene(Options(), ReadOnlyFromTheFirstSecondOn(/*said_to_serve=*/false));
  scene.Run(kHour);
  EXPECT_LE(scene.held(), absl::Seconds(21));
}

TEST_F(SceneTest, ReadOnlyForAnHourStallsTheClientsForAQuarterOfTheTimeWithoutAFeed) {
  SceneOptions options = Options();
  options.has_feed = false;
  Scene scene(std::move(options), ReadOnlyFromTheFirstSecondOn(/*said_to_serve=*/false));
  scene.Run(kHour);
  EXPECT_LE(scene.held(), kHour / 4 + absl::Seconds(20));
}

TEST_F(SceneTest, ACascadeOfThreeLeaksNoErrorToClientsThatComeBack) {
  Scene scene(Options(), [](absl::Duration t) {
    // Each primary serves for 300 ms, and dies while the queue drains.
    Servers servers;
    const auto at = [&](std::int64_t ms, std::uint32_t primary, bool works) {
      if (t < absl::Milliseconds(ms)) return;
      servers.primary = primary;
      servers.term = primary;
      servers.takes_writes = servers.said_to_serve = works;
    };
    at(0, 1, true);
    at(1000, 1, false);
    at(3000, 2, true);
    at(3300, 2, false);
    at(5000, 3, true);
    at(5300, 3, false);
    at(7000, 4, true);
    return servers;
  });
  scene.Run(absl::Seconds(20));
  EXPECT_EQ(scene.errors(), 0u);
  EXPECT_EQ(scene.stats().state, State::kIdle);
}

TEST_F(SceneTest, ARouterThatTellsOutcomesAndNeverComesBackIsServedAfterTheFailover) {
  SceneOptions options = Options();
  options.comes_back = false;
  Scene scene(std::move(options), [](absl::Duration t) {
    const bool down = t >= absl::Seconds(1) && t < absl::Seconds(4);
    return down ? ThatRefuse(false) : Servers();
  });
  scene.Run(absl::Seconds(20));
  EXPECT_EQ(scene.errors(), 0u);
  EXPECT_EQ(scene.stats().starts, 1u);
  EXPECT_EQ(scene.stats().state, State::kIdle);
}

TEST_F(SceneTest, ARouterThatNeverTellsIsServedAfterTheFailover) {
  SceneOptions options = Options();
  options.comes_back = options.tells = false;
  Scene scene(std::move(options), [](absl::Duration t) {
    const bool down = t >= absl::Seconds(1) && t < absl::Seconds(4);
    return down ? ThatRefuse(false) : Servers();
  });
  scene.Run(absl::Seconds(20));
  EXPECT_EQ(scene.errors(), 0u);
  EXPECT_EQ(scene.stats().starts, 1u);
  EXPECT_EQ(scene.stats().state, State::kIdle);
}

// A server that was the primary comes back and is not fenced off. It must get no released request.
TEST_F(SceneTest, NobodyIsReleasedOntoAnOldPrimaryThatComesBack) {
  Scene scene(Options(), [](absl::Duration t) {
    Servers servers;
    servers.term = 5;
    if (t < absl::Seconds(1)) return servers;
    servers.primary = 2;
    servers.term = 6;
    if (t < absl::Seconds(3)) return servers;
    servers.takes_writes = servers.said_to_serve = false;
    if (t < absl::Seconds(4)) return servers;
    // Now the health check tells of the old primary. It says that it serves, and it does not count.
    servers.primary = 1;
    servers.term = 5;
    servers.said_to_serve = t < absl::Seconds(8);
    return servers;
  });
  scene.Run(absl::Seconds(7));
  EXPECT_EQ(scene.refused_retries(), 0u);
  EXPECT_EQ(scene.stats().state, State::kBuffering);
}

}  // namespace
}  // namespace failover::simulation
