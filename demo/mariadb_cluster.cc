#include "mariadb_cluster.h"

#include <mysql.h>

#include <utility>

#include "failover/mysql/primary_monitor.h"
#include "mariadb_server.h"
#include "pair_cluster.h"

namespace failover_demo {
namespace {

constexpr char kMakeTable[] =
    "CREATE DATABASE demo; "
    "CREATE TABLE demo.requests (position BIGINT AUTO_INCREMENT PRIMARY KEY, "
    "row_id BIGINT NOT NULL, KEY (row_id)) ENGINE = InnoDB";

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> StartMariadbCluster(const std::string& pair_script,
                                                             const std::string& folder) {
  if (mysql_library_init(0, nullptr, nullptr) != 0) {
    return absl::InternalError("mysql_library_init failed");
  }
  PairDatabase database;
  database.make_table = kMakeTable;
  database.make_server = [](std::string name, ServerAccess access) {
    return std::make_unique<MariadbServer>(std::move(name), std::move(access));
  };
  database.watch =
      MonitorSource<failover::mysql::PrimaryMonitor, failover::mysql::PrimaryMonitorOptions>::Start;
  return StartPairCluster(std::move(database), pair_script, folder);
}

}  // namespace failover_demo
