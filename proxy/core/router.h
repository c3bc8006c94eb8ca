// Who is the primary now.
#ifndef FAILOVER_PROXY_CORE_ROUTER_H_
#define FAILOVER_PROXY_CORE_ROUTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "failover/health_check.h"

namespace mysql_proxy {

struct ServerAddress {
  std::string host;
  std::uint16_t port = 0;

  std::string ToString() const;
};

// Stands between the monitor and the Buffer, so that it knows a new primary before the Buffer lets
// requests go to it. Thread-safe.
class Router final : public failover::HealthCheckStatsListener {
 public:
  // `buffer` gets each report afterwards; it is not owned.
  Router(std::vector<ServerAddress> servers, failover::HealthCheckStatsListener& buffer);

  // How the servers are called in reports: by their number in the list, from 1 on.
  static failover::TabletAlias AliasOf(std::size_t server);

  const std::vector<ServerAddress>& servers() const { return servers_; }
  // The server that was the primary last. nullopt: none was seen yet.
  std::optional<std::size_t> primary() const;
  // Whether a primary was seen, or every server was looked at and none is one.
  bool HasLooked() const;
  // Whether no health check has reached the server for that long.
  bool IsSilent(std::size_t server, absl::Duration duration) const;

  void StatsUpdate(const failover::TabletStats& stats) override;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  const std::vector<ServerAddress> servers_;
  failover::HealthCheckStatsListener& buffer_;
  std::atomic<std::size_t> primary_{kNone};
  std::atomic<std::size_t> not_reported_;  // how many servers
  std::vector<bool> reported_;             // by server; of the monitor's thread
  // By server: since when it has been silent, on the steady clock; 0: it is not.
  const std::unique_ptr<std::atomic<std::int64_t>[]> silent_since_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_CORE_ROUTER_H_
