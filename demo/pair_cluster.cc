#include "pair_cluster.h"

#include <fstream>
#include <iostream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "run_command.h"

namespace failover_demo {
namespace {

constexpr std::array<const char*, Cluster::kServers> kNames = {"a", "b"};

// Reads the lines `key=value` of a file that the script wrote for clients.
absl::StatusOr<ServerAccess> ReadAccess(const std::string& path) {
  std::ifstream file(path);
  ServerAccess access;
  std::string line;
  while (std::getline(file, line)) {
    const std::pair<std::string, std::string> option =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (option.first == "host") access.host = option.second;
    if (option.first == "user") access.user = option.second;
    if (option.first == "password") access.password = option.second;
    int port = 0;
    if (option.first == "port" && absl::SimpleAtoi(option.second, &port)) {
      access.port = static_cast<std::uint16_t>(port);
    }
  }
  if (access.host.empty() || access.user.empty()) {
    return absl::NotFoundError(absl::StrCat(path, " names no host or no user"));
  }
  return access;
}

class PairCluster final : public Cluster {
 public:
  PairCluster(PairDatabase database, std::string pair_script, std::string folder)
      : database_(std::move(database)),
        pair_script_(std::move(pair_script)),
        folder_(std::move(folder)) {}

  ~PairCluster() override {
    if (const absl::Status stopped = Pair({"stop"}); !stopped.ok()) {
      std::cerr << stopped.ToString() << "\n";
    }
  }

  absl::Status Start() {
    if (absl::Status started = Pair({"start"}); !started.ok()) return started;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      absl::StatusOr<ServerAccess> access =
          ReadAccess(absl::StrCat(folder_, "/app-", kNames.at(i), ".cnf"));
      if (!access.ok()) return access.status();
      access_.at(i) = *access;
      servers_.at(i) = database_.make_server(kNames.at(i), *std::move(access));
    }
    return Pair({"sql", kNames[0], database_.make_table});
  }

  Server& server(int index) override { return *servers_.at(static_cast<std::size_t>(index)); }

  absl::StatusOr<std::unique_ptr<HealthSource>> WatchHealth(
      failover::HealthCheckStatsListener& listener) override {
    return database_.watch(access_, hook_, listener);
  }

  std::function<void(const failover::Transition&)> OnTransition() override { return hook_; }
  SwitchoverKind switchover_kind() const override { return database_.switchover; }

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

  const PairDatabase database_;
  const std::string pair_script_;
  const std::string folder_;
  const failover::watch::MonitorHook hook_;
  // Both are set by Start.
  PairAccess access_;
  std::array<std::unique_ptr<Server>, kServers> servers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> StartPairCluster(PairDatabase database,
                                                          const std::string& pair_script,
                                                          const std::string& folder) {
  auto cluster = std::make_unique<PairCluster>(std::move(database), pair_script, folder);
  if (absl::Status started = cluster->Start(); !started.ok()) return started;
  return cluster;
}

}  // namespace failover_demo
