// What a shard believes about its primary: each row is a history of reports, and what the last
// report of the row means.
#include "shard/known_primary.h"

#include <gtest/gtest.h>

#include <chrono>
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

// A stamped report: what the server was at `second`.
struct Stamped {
  int second;
  TabletStats report;
};

News Hear(KnownPrimary& primary, const TabletStats& report) {
  return primary.OnReport(Instant(), report, {});
}

struct Row {
  std::string name;
  std::vector<TabletStats> reports;
  News news = News::kNothing;  // what the last report means
  bool known_down = false;     // after the last report
};

const std::vector<Row>& Rows() {
  constexpr auto kNew = News::kNewPrimary;
  constexpr auto kAgain = News::kServingAgain;
  static const std::vector<Row> rows = {
      {"TheFirstTimestamp", {Report(kA, true, 1)}, kNew},
      {"TheFirstReportWithoutTimestamp", {Report(kA, true, 0)}, News::kServing},
      {"NeverSeenServing", {Report(kA, false, 1)}, News::kPrimaryDown, false},
      {"ServedAndStopped", {Report(kA, true, 1), Report(kA, false, 1)}, News::kPrimaryDown, true},
      {"ServedAndGone", {Report(kA, true, 1), GoneReport(kA, 1)}, News::kPrimaryDown, true},
      {"AnotherServerGone", {Report(kA, true, 1), GoneReport(kB, 9)}, News::kNothing, false},
      {"ServingAgain",
       {Report(kA, true, 1), Report(kA, false, 1), Report(kA, true, 1)},
       kAgain,
       false},
      {"ServingAllAlong", {Report(kA, true, 1), Report(kA, true, 1)}, News::kServing},
      {"NewerOfAnother", {Report(kA, true, 1), Report(kB, true, 2)}, kNew},
      {"NewerOfTheSame", {Report(kA, true, 1), Report(kA, true, 2)}, kNew},
      {"EqualOfAnother", {Report(kA, true, 1), Report(kB, true, 1)}, News::kOldPrimary},
      {"OlderOfAnotherWhileDown",
       {Report(kA, true, 2), Report(kA, false, 2), Report(kB, true, 1)},
       News::kOldPrimary,
       true},
      {"TheTimestampOfOneThatDoesNotServeIsNotRecorded",
       {Report(kA, true, 1), Report(kA, false, 5), Report(kA, true, 5)},
       kNew},
      {"DownAgain",
       {Report(kA, true, 1), Report(kA, false, 1), Report(kA, false, 1)},
       News::kPrimaryDown,
       true},
      {"AnotherServerDownFirst", {Report(kA, false, 1), Report(kB, false, 1)}, News::kNothing},
      // Rule E4.
      {"EqualOfAnotherWhileDown",
       {Report(kA, true, 1), Report(kA, false, 1), Report(kB, true, 1)},
       kNew},
      {"TheHighestTermOfThePrimaryCounts",
       {Report(kA, true, 3), Report(kA, true, 1), Report(kA, false, 1), Report(kB, true, 2)},
       News::kOldPrimary,
       true},
      {"TheTermOfItsDownCountsToo",
       {Report(kA, true, 1), Report(kA, false, 4), Report(kB, true, 1)},
       News::kOldPrimary,
       true},
      {"AnOldPrimaryThatReturns",
       {Report(kA, true, 1), Report(kA, false, 1), Report(kB, true, 1), Report(kB, false, 1),
        Report(kA, true, 1)},
       News::kOldPrimary,
       true},
      {"AnOldPrimaryThatReturnsWithTheTermOfTheOther",
       {Report(kA, true, 1), Report(kB, true, 2), Report(kB, false, 2), Report(kA, true, 2)},
       kNew},
      {"AnOldPrimaryThatOnlyEverWasDown",
       {Report(kA, false, 1), Report(kB, true, 1), Report(kB, false, 1), Report(kA, true, 1)},
       News::kOldPrimary,
       true},
  };
  return rows;
}

TEST(KnownPrimaryTest, EachHistoryMeansWhatItsRowSays) {
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.name);
    KnownPrimary primary;
    News news = News::kNothing;
    for (const TabletStats& report : row.reports) news = Hear(primary, report);
    EXPECT_EQ(news, row.news);
    EXPECT_EQ(primary.IsMissed(), row.known_down);
  }
}

TEST(KnownPrimaryTest, AStampedReportIsComparedWithTheOnesOfItsServer) {
  constexpr auto kDown = News::kPrimaryDown;
  const struct {
    std::vector<Stamped> reports;
    News news;
  } kRows[] = {
      {{{5, Report(kA, true, 1)}, {4, Report(kA, false, 1)}}, News::kLate},
      {{{5, Report(kA, true, 1)}, {5, Report(kA, false, 1)}}, kDown},
      {{{5, Report(kA, true, 1)}, {4, Report(kB, true, 2)}}, News::kNewPrimary},
      {{{5, Report(kA, true, 1)}, {4, Report(kB, true, 2)}, {3, Report(kB, false, 2)}},
       News::kLate},
      // Rule E5: observed after the "down".
      {{{1, Report(kA, true, 1)}, {5, Report(kA, false, 1)}, {5, Report(kA, true, 1)}},
       News::kNothing},
      {{{1, Report(kA, true, 1)}, {5, Report(kA, false, 1)}, {6, Report(kA, true, 1)}},
       News::kServingAgain},
      {{{1, Report(kA, true, 1)}, {5, Report(kA, false, 1)}, {5, Report(kA, true, 2)}},
       News::kNewPrimary},
  };
  for (const auto& row : kRows) {
    KnownPrimary primary;
    News news = News::kNothing;
    for (const Stamped& stamped : row.reports) {
      news = primary.OnReport(Instant(std::chrono::seconds(9)), stamped.report,
                              {Instant(std::chrono::seconds(stamped.second)), true});
    }
    EXPECT_EQ(news, row.news) << "row " << (&row - kRows);
  }
}

TEST(KnownPrimaryTest, AnExcusedPrimaryIsNoNewsUntilItServed) {
  KnownPrimary primary;
  Hear(primary, Report(kA, true, 1));
  Hear(primary, Report(kA, false, 1));
  primary.Excuse();
  EXPECT_EQ(Hear(primary, Report(kA, false, 1)), News::kNothing);
  EXPECT_FALSE(primary.IsMissed());
  EXPECT_EQ(Hear(primary, Report(kA, true, 1)), News::kServingAgain);
  EXPECT_EQ(Hear(primary, Report(kA, false, 1)), News::kPrimaryDown);
  EXPECT_TRUE(primary.IsMissed());
}

TEST(KnownPrimaryTest, ARefutedDownCountsAgainWithTheNextOne) {
  KnownPrimary primary;
  Hear(primary, Report(kA, true, 1));
  Hear(primary, Report(kA, false, 1));
  primary.RefuteDown();
  EXPECT_FALSE(primary.IsDown());
  EXPECT_FALSE(primary.IsMissed());
  EXPECT_EQ(Hear(primary, Report(kA, false, 1)), News::kPrimaryDown);
  EXPECT_TRUE(primary.IsMissed());
}

TEST(KnownPrimaryTest, AChangeIsAnotherServerOrAReturn) {
  KnownPrimary primary;
  Hear(primary, Report(kA, true, 1));
  Hear(primary, Report(kA, true, 2));
  Hear(primary, Report(kA, false, 2));
  EXPECT_FALSE(primary.TakeChange());
  Hear(primary, Report(kA, true, 2));
  EXPECT_TRUE(primary.TakeChange());
  EXPECT_FALSE(primary.TakeChange());
  Hear(primary, Report(kB, true, 3));
  EXPECT_TRUE(primary.TakeChange());
}

TEST(KnownPrimaryTest, AServerThatIsNotNewerIsBelievedOnceThePrimaryIsNotMissedAnyMore) {
  KnownPrimary primary;
  Hear(primary, Report(kA, true, 2));
  Hear(primary, Report(kA, false, 2));
  EXPECT_TRUE(primary.IsMissed());
  primary.StopMissing();
  EXPECT_FALSE(primary.IsMissed());
  Hear(primary, Report(kB, true, 1));
  Hear(primary, Report(kB, false, 1));
  EXPECT_TRUE(primary.IsMissed());
}

TEST(KnownPrimaryTest, AReparentIsTheChangeFromOneKnownPrimaryToAnother) {
  const Instant later(std::chrono::seconds(7));
  KnownPrimary primary;
  primary.OnReport(Instant(std::chrono::seconds(3)), Report(kA, true, 1), {});
  EXPECT_EQ(primary.last_reparent(), kLongAgo);
  primary.OnReport(later, Report(kB, true, 2), {});
  EXPECT_EQ(primary.last_reparent(), later);
}

TEST(KnownPrimaryTest, APrimaryThatAnEventNamedIsAnOldPrimaryLater) {
  constexpr std::uint32_t kC = 3;
  KnownPrimary primary;
  Hear(primary, Report(kA, true, 5));
  Hear(primary, Report(kB, false, 5));
  for (const std::uint32_t uid : {kB, kC}) {
    const ShardEvent event{{"zone1", uid}, {"ks", "0", TabletType::kPrimary}, true};
    primary.OnKeyspaceEvent(Instant(), event, MoveTablesState::kUnknown);
  }
  Hear(primary, Report(kC, true, 5));
  Hear(primary, Report(kC, false, 5));
  EXPECT_EQ(Hear(primary, Report(kB, true, 5)), News::kOldPrimary);
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
