// What a shard believes about its primary: each row is a history of reports, and what the last
// report of the row means.
#include "shard/known_primary.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace failover::internal {
namespace {

constexpr std::uint32_t kA = 1;
constexpr std::uint32_t kB = 2;

TabletStats Report(std::uint32_t uid, bool serving, std::int64_t timestamp) {
  return {{"zone1", uid}, {"ks", "0", TabletType::kPrimary}, true, serving, timestamp, ""};
}

TabletStats GoneReport(std::uint32_t uid, std::int64_t timestamp) {
  TabletStats report = Report(uid, true, timestamp);
  report.up = false;
  return report;
}

struct Row {
  std::string name;
  std::vector<TabletStats> reports;
  std::optional<StopReason> end;  // what the last report ends a failover with
  bool known_down = false;        // after the last report
};

const std::vector<Row>& Rows() {
  constexpr auto kNew = StopReason::kNewPrimarySeen;
  constexpr auto kAgain = StopReason::kPrimaryServingAgain;
  static const std::vector<Row> rows = {
      {"TheFirstTimestamp", {Report(kA, true, 1)}, kNew},
      {"TheFirstReportWithoutTimestamp", {Report(kA, true, 0)}, std::nullopt},
      {"NeverSeenServing", {Report(kA, false, 1)}, std::nullopt, false},
      {"ServedAndStopped", {Report(kA, true, 1), Report(kA, false, 1)}, std::nullopt, true},
      {"ServedAndGone", {Report(kA, true, 1), GoneReport(kA, 1)}, std::nullopt, true},
      {"AnotherServerGone", {Report(kA, true, 1), GoneReport(kB, 9)}, std::nullopt, false},
      {"ServingAgain",
       {Report(kA, true, 1), Report(kA, false, 1), Report(kA, true, 1)},
       kAgain,
       false},
      {"ServingAllAlong", {Report(kA, true, 1), Report(kA, true, 1)}, std::nullopt},
      {"NewerOfAnother", {Report(kA, true, 1), Report(kB, true, 2)}, kNew},
      {"NewerOfTheSame", {Report(kA, true, 1), Report(kA, true, 2)}, kNew},
      {"EqualOfAnother", {Report(kA, true, 1), Report(kB, true, 1)}, std::nullopt},
      {"OlderOfAnotherWhileDown",
       {Report(kA, true, 2), Report(kA, false, 2), Report(kB, true, 1)},
       std::nullopt,
       true},
      {"TheTimestampOfOneThatDoesNotServeIsNotRecorded",
       {Report(kA, true, 1), Report(kA, false, 5), Report(kA, true, 5)},
       kNew},
  };
  return rows;
}

TEST(KnownPrimaryTest, EachHistoryMeansWhatItsRowSays) {
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.name);
    KnownPrimary primary;
    std::optional<StopReason> end;
    for (const TabletStats& report : row.reports) end = primary.OnReport(Instant(), report);
    EXPECT_EQ(end, row.end);
    EXPECT_EQ(primary.IsKnownDown(), row.known_down);
  }
}

TEST(KnownPrimaryTest, AServerThatIsNotNewerIsBelievedOnceThePrimaryIsNotMissedAnyMore) {
  KnownPrimary primary;
  primary.OnReport(Instant(), Report(kA, true, 2));
  primary.OnReport(Instant(), Report(kA, false, 2));
  EXPECT_TRUE(primary.IsKnownDown());
  primary.StopMissing();
  EXPECT_FALSE(primary.IsKnownDown());
  primary.OnReport(Instant(), Report(kB, true, 1));
  primary.OnReport(Instant(), Report(kB, false, 1));
  EXPECT_TRUE(primary.IsKnownDown());
}

TEST(KnownPrimaryTest, AReparentIsTheChangeFromOneKnownPrimaryToAnother) {
  const Instant later(std::chrono::seconds(7));
  KnownPrimary primary;
  primary.OnReport(Instant(std::chrono::seconds(3)), Report(kA, true, 1));
  EXPECT_EQ(primary.last_reparent(), kLongAgo);
  primary.OnReport(later, Report(kB, true, 2));
  EXPECT_EQ(primary.last_reparent(), later);
}

TEST(KnownPrimaryTest, AMoveThatIsUnderWayEndsNothing) {
  KnownPrimary primary;
  const ShardEvent event{{"zone1", kA}, {"ks", "0", TabletType::kPrimary}, true};
  EXPECT_EQ(primary.OnKeyspaceEvent(Instant(), event, MoveTablesState::kSwitching), std::nullopt);
  EXPECT_EQ(primary.OnKeyspaceEvent(Instant(), event, MoveTablesState::kSwitched),
            StopReason::kMoveTablesSwitchedTraffic);
}

}  // namespace
}  // namespace failover::internal
