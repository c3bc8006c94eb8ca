#include "mariadb_cluster.h"

#include <mysql.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "failover/mysql/primary_monitor.h"
#include "mariadb_server.h"
#include "router.h"
#include "run_command.h"

namespace failover_demo {
namespace {

using failover::mysql::MonitoredServer;
using failover::mysql::MonitoredShard;
using failover::mysql::PrimaryMonitor;
using failover::mysql::PrimaryMonitorOptions;

constexpr char kMakeTable[] =
    "CREATE DATABASE demo; "
    "CREATE TABLE demo.requests (position BIGINT AUTO_INCREMENT PRIMARY KEY, "
    "row_id BIGINT NOT NULL, KEY (row_id)) ENGINE = InnoDB";

// Reads host, port, user and password from the group [client] of an option file.
absl::StatusOr<MonitoredServer> ReadOptionFile(const std::string& path) {
  std::ifstream file(path);
  MonitoredServer server;
  std::string line;
  while (std::getline(file, line)) {
    const std::pair<std::string, std::string> option =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (option.first == "host") server.host = option.second;
    if (option.first == "user") server.user = option.second;
    if (option.first == "password") server.password = option.second;
    int port = 0;
    if (option.first == "port" && absl::SimpleAtoi(option.second, &port)) {
      server.port = static_cast<std::uint16_t>(port);
    }
  }
  if (server.host.empty() || server.user.empty()) {
    return absl::NotFoundError(absl::StrCat(path, " names no host or no user"));
  }
  return server;
}

// Wraps the library's monitor.
class MonitorSource final : public HealthSource {
 public:
  explicit MonitorSource(std::unique_ptr<PrimaryMonitor> monitor) : monitor_(std::move(monitor)) {}

 private:
  const std::unique_ptr<PrimaryMonitor> monitor_;
};

absl::StatusOr<std::unique_ptr<HealthSource>> WatchWithMonitor(
    MonitoredShard shard, failover::HealthCheckStatsListener& listener,
    const failover::watch::MonitorHook& hook) {
  PrimaryMonitorOptions options;
  options.hook = hook;
  options.poll_interval = absl::Milliseconds(10);
  options.shards.push_back(std::move(shard));
  absl::StatusOr<std::unique_ptr<PrimaryMonitor>> monitor =
      PrimaryMonitor::Create(options, &listener);
  if (!monitor.ok()) return monitor.status();
  if (absl::Status started = (*monitor)->Start(); !started.ok()) return started;
  return std::make_unique<MonitorSource>(*std::move(monitor));
}

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
  absl::StatusOr<std::unique_ptr<HealthSource>> WatchHealth(
      failover::HealthCheckStatsListener& listener) override {
    MonitoredShard shard{kKeyspace, kShard, {}};
    for (int i = 0; i < kServers; ++i) {
      const std::string file = absl::StrCat(folder_, "/app-", server(i).name(), ".cnf");
      absl::StatusOr<MonitoredServer> monitored = ReadOptionFile(file);
      if (!monitored.ok()) return monitored.status();
      monitored->alias = ServerAlias(i);
      shard.servers.push_back(*std::move(monitored));
    }
    return WatchWithMonitor(std::move(shard), listener, hook_);
  }

  std::function<void(const failover::Transition&)> OnTransition() override { return hook_; }

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
  const failover::watch::MonitorHook hook_;
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
