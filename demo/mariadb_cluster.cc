#include "mariadb_cluster.h"

#include <mysql.h>

#include <array>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mariadb_server.h"
#include "run_command.h"

namespace failover_demo {
namespace {

constexpr char kMakeTable[] =
    "CREATE DATABASE demo; "
    "CREATE TABLE demo.requests (position BIGINT AUTO_INCREMENT PRIMARY KEY, "
    "row_id BIGINT NOT NULL, KEY (row_id)) ENGINE = InnoDB";

class MariadbCluster final : public Cluster {
 public:
  MariadbCluster(std::string pair_script, std::string folder)
      : pair_script_(std::move(pair_script)),
        folder_(std::move(folder)),
        servers_{MariadbServer("a", absl::StrCat(folder_, "/app-a.cnf")),
                 MariadbServer("b", absl::StrCat(folder_, "/app-b.cnf"))} {}

  ~MariadbCluster() override {
    if (const absl::Status stopped = Pair({"stop"}); !stopped.ok()) {
      std::cerr << stopped.ToString() << "\n";
    }
  }

  absl::Status Start() {
    if (absl::Status started = Pair({"start"}); !started.ok()) return started;
    return Pair({"sql", "a", kMakeTable});
  }

  Server& server(int index) override { return servers_.at(static_cast<std::size_t>(index)); }
  absl::Status Switchover() override { return Pair({"switchover"}); }
  absl::Status CrashPrimary() override { return Pair({"crash"}); }
  absl::Status PromoteOther() override { return Pair({"promote"}); }

 private:
  // Runs the script with `command`, and puts the folder between the command and its arguments.
  absl::Status Pair(std::vector<std::string> command) {
    command.insert(command.begin(), pair_script_);
    command.insert(command.begin() + 2, folder_);
    return RunCommand(command);
  }

  const std::string pair_script_;
  const std::string folder_;
  std::array<MariadbServer, kServers> servers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> StartMariadbCluster(const std::string& pair_script,
                                                             const std::string& folder) {
  if (mysql_library_init(0, nullptr, nullptr) != 0) {
    return absl::InternalError("mysql_library_init failed");
  }
  auto cluster = std::make_unique<MariadbCluster>(pair_script, folder);
  if (absl::Status started = cluster->Start(); !started.ok()) return started;
  return cluster;
}

}  // namespace failover_demo
