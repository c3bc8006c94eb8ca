#include "proxy/core/router.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>

#include "absl/time/time.h"
#include "failover/health_check.h"

namespace proxy {
namespace {

using failover::TabletType;

// What the Buffer would see: at each report, who was the primary for the router.
class Observer final : public failover::HealthCheckStatsListener {
 public:
  void StatsUpdate(const failover::TabletStats&) override {
    primary = router->primary();
    ++reports;
  }

  const Router* router = nullptr;
  std::optional<std::size_t> primary;
  int reports = 0;
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() { observer_.router = &router_; }

  void Report(std::size_t server, TabletType type, bool up = true) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(server);
    stats.target = {"main", "0", type};
    stats.up = up;
    stats.serving = up;
    router_.StatsUpdate(stats);
  }

  Observer observer_;
  Router router_{{{"127.0.0.1", 1}, {"127.0.0.1", 2}}, observer_};
};

TEST_F(RouterTest, HasLookedWhenThePrimaryIsKnown) {
  EXPECT_FALSE(router_.HasLooked());
  Report(1, TabletType::kPrimary);
  EXPECT_TRUE(router_.HasLooked());
}

TEST_F(RouterTest, HasLookedWhenEveryServerIsKnownNotToBeThePrimary) {
  Report(0, TabletType::kReplica);
  Report(0, TabletType::kReplica);
  EXPECT_FALSE(router_.HasLooked());
  Report(1, TabletType::kUnknown, /*up=*/false);
  EXPECT_TRUE(router_.HasLooked());
  EXPECT_EQ(router_.primary(), std::nullopt);
}

TEST_F(RouterTest, KnowsTheNewPrimaryBeforeTheBuffer) {
  Report(0, TabletType::kPrimary);
  EXPECT_EQ(observer_.primary, 0u);
  Report(0, TabletType::kReplica);
  EXPECT_EQ(observer_.primary, 0u) << "until another one is known";
  Report(1, TabletType::kPrimary);
  EXPECT_EQ(observer_.primary, 1u);
  EXPECT_EQ(observer_.reports, 3);
}

TEST_F(RouterTest, PrimaryServesUntilAReportSaysOtherwise) {
  EXPECT_EQ(router_.serving_primary(), std::nullopt);
  Report(0, TabletType::kPrimary);
  EXPECT_EQ(router_.serving_primary(), 0u);
  Report(1, TabletType::kReplica);
  EXPECT_EQ(router_.serving_primary(), 0u);
  Report(0, TabletType::kPrimary, /*up=*/false);
  EXPECT_EQ(router_.serving_primary(), std::nullopt);
  EXPECT_EQ(router_.primary(), 0u) << "statements still go there";
  Report(0, TabletType::kPrimary);
  Report(0, TabletType::kReplica);
  EXPECT_EQ(router_.serving_primary(), std::nullopt);
  Report(1, TabletType::kPrimary);
  EXPECT_EQ(router_.serving_primary(), 1u);
}

TEST_F(RouterTest, AServerIsSilentUntilItAnswers) {
  Report(0, TabletType::kPrimary);
  EXPECT_FALSE(router_.IsSilent(0, absl::ZeroDuration()));
  Report(0, TabletType::kPrimary, /*up=*/false);
  EXPECT_TRUE(router_.IsSilent(0, absl::ZeroDuration()));
  EXPECT_FALSE(router_.IsSilent(0, absl::Hours(1)));
  EXPECT_FALSE(router_.IsSilent(1, absl::ZeroDuration()));
  Report(0, TabletType::kPrimary);
  EXPECT_FALSE(router_.IsSilent(0, absl::ZeroDuration()));
}

}  // namespace
}  // namespace proxy
