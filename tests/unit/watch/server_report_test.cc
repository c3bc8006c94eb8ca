#include "failover/watch/server_report.h"

#include <gtest/gtest.h>

#include "failover/health_check.h"

namespace failover::watch {
namespace {

ServerReport PrimaryReport() {
  ServerReport report;
  report.keyspace = "shop";
  report.shard = "0";
  report.address = "10.0.0.2:7000";
  report.role = ServerRole::kPrimary;
  report.serving = true;
  report.term = 7;
  report.problem = "none";
  return report;
}

TEST(ServerReportTest, EachFieldHasItsPlaceInTabletStats) {
  const TabletStats stats = ToTabletStats(PrimaryReport(), {"zone1", 101});
  EXPECT_EQ(stats.alias, (TabletAlias{"zone1", 101}));
  EXPECT_EQ(stats.target.keyspace, "shop");
  EXPECT_EQ(stats.target.shard, "0");
  EXPECT_EQ(stats.target.tablet_type, TabletType::kPrimary);
  EXPECT_TRUE(stats.up);
  EXPECT_TRUE(stats.serving);
  EXPECT_EQ(stats.tablet_externally_reparented_timestamp, 7);
  EXPECT_EQ(stats.last_error, "none");
}

TEST(ServerReportTest, EachRoleIsTranslated) {
  ServerReport report = PrimaryReport();
  report.role = ServerRole::kReplica;
  EXPECT_EQ(ToTabletStats(report).target.tablet_type, TabletType::kReplica);
  report.role = ServerRole::kUnknown;
  EXPECT_EQ(ToTabletStats(report).target.tablet_type, TabletType::kUnknown);
}

TEST(ServerReportTest, AddressNamesAServerWithoutAnAlias) {
  ServerReport report = PrimaryReport();
  EXPECT_EQ(ToTabletStats(report).alias, (TabletAlias{"10.0.0.2:7000", 0}));
  const TabletAlias first = ToTabletStats(report).alias;
  report.address = "10.0.0.3:7000";
  EXPECT_NE(ToTabletStats(report).alias, first);
}

TEST(ServerReportTest, ServerThatIsNotReachableIsNotUp) {
  ServerReport report = PrimaryReport();
  report.reachable = false;
  report.serving = false;
  EXPECT_FALSE(ToTabletStats(report).up);
  EXPECT_FALSE(ToTabletStats(report).serving);
}

}  // namespace
}  // namespace failover::watch
