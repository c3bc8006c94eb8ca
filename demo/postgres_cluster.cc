#include "postgres_cluster.h"

#include <utility>

#include "failover/postgres/primary_monitor.h"
#include "pair_cluster.h"
#include "postgres_server.h"

namespace failover_demo {
namespace {

constexpr char kMakeTable[] =
    "CREATE TABLE requests (position bigserial PRIMARY KEY, row_id bigint NOT NULL); "
    "CREATE INDEX ON requests (row_id)";

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> StartPostgresCluster(const std::string& pair_script,
                                                              const std::string& folder) {
  PairDatabase database;
  database.make_table = kMakeTable;
  // The shutdown of the primary ends each session, and leaves writes that wait for the replica with
  // an unknown fate.
  database.switchover = SwitchoverKind::kAnnounced;
  database.make_server = [](std::string name, ServerAccess access) {
    return std::make_unique<PostgresServer>(std::move(name), std::move(access));
  };
  database.watch = MonitorSource<failover::postgres::PrimaryMonitor,
                                 failover::postgres::PrimaryMonitorOptions>::Start;
  return StartPairCluster(std::move(database), pair_script, folder);
}

}  // namespace failover_demo
