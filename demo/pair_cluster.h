// A pair cluster is two real servers. A script of scripts/lib starts, switches over, kills and
// promotes them: mariadb_pair.sh or postgres_pair.sh.
#ifndef FAILOVER_DEMO_PAIR_CLUSTER_H_
#define FAILOVER_DEMO_PAIR_CLUSTER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster.h"
#include "database.h"
#include "failover/health_check.h"
#include "failover/watch/monitor_hook.h"
#include "router.h"

namespace failover_demo {

// How a client reaches a server.
struct ServerAccess {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string password;
};

using PairAccess = std::array<ServerAccess, Cluster::kServers>;

// What is special about the database of a pair.
struct PairDatabase {
  // These statements make the empty table.
  const char* make_table = nullptr;
  SwitchoverKind switchover = SwitchoverKind::kUnannounced;
  std::function<std::unique_ptr<Server>(std::string name, ServerAccess access)> make_server;
  std::function<absl::StatusOr<std::unique_ptr<HealthSource>>(
      const PairAccess& servers, const failover::watch::MonitorHook& hook,
      failover::HealthCheckStatsListener& listener)>
      watch;
};

// Starts the servers in `folder`, which must exist. The folder may be used again once the Cluster
// is gone.
absl::StatusOr<std::unique_ptr<Cluster>> StartPairCluster(PairDatabase database,
                                                          const std::string& pair_script,
                                                          const std::string& folder);

// Watches the servers with the library's monitor of their database. Its classes have the same
// members for each database.
template <typename Monitor, typename Options>
class MonitorSource final : public HealthSource {
 public:
  // Does what PairDatabase::watch asks for.
  static absl::StatusOr<std::unique_ptr<HealthSource>> Start(
      const PairAccess& servers, const failover::watch::MonitorHook& hook,
      failover::HealthCheckStatsListener& listener) {
    Options options;
    options.hook = hook;
    options.poll_interval = absl::Milliseconds(10);
    auto& shard = options.shards.emplace_back();
    shard.keyspace = kKeyspace;
    shard.shard = kShard;
    for (int i = 0; i < Cluster::kServers; ++i) {
      const ServerAccess& access = servers.at(static_cast<std::size_t>(i));
      auto& server = shard.servers.emplace_back();
      server.alias = ServerAlias(i);
      server.host = access.host;
      server.port = access.port;
      server.user = access.user;
      server.password = access.password;
    }
    absl::StatusOr<std::unique_ptr<Monitor>> monitor = Monitor::Create(options, &listener);
    if (!monitor.ok()) return monitor.status();
    if (absl::Status started = (*monitor)->Start(); !started.ok()) return started;
    return std::make_unique<MonitorSource>(*std::move(monitor));
  }

  explicit MonitorSource(std::unique_ptr<Monitor> monitor) : monitor_(std::move(monitor)) {}

 private:
  const std::unique_ptr<Monitor> monitor_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PAIR_CLUSTER_H_
