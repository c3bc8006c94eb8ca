#include "failover/watch/server_report.h"

namespace failover::watch {
namespace {

TabletType TypeOf(ServerRole role) {
  switch (role) {
    case ServerRole::kUnknown:
      return TabletType::kUnknown;
    case ServerRole::kPrimary:
      return TabletType::kPrimary;
    case ServerRole::kReplica:
      return TabletType::kReplica;
  }
  return TabletType::kUnknown;
}

}  // namespace

TabletStats ToTabletStats(const ServerReport& report, const TabletAlias& alias) {
  TabletStats stats;
  stats.alias = alias == TabletAlias{} ? TabletAlias{report.address, 0} : alias;
  stats.target = {report.keyspace, report.shard, TypeOf(report.role)};
  stats.up = report.reachable;
  stats.serving = report.serving;
  stats.tablet_externally_reparented_timestamp = report.term;
  stats.last_error = report.problem;
  stats.observed_at = report.observed_at;
  return stats;
}

}  // namespace failover::watch
