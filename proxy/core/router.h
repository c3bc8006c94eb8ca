// This class knows which backend is the primary now.
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

namespace proxy {

// A TCP address, of a backend or of the proxy itself. A backend is a database server.
struct Address {
  // A numeric address.
  std::string host;
  std::uint16_t port = 0;
  // The host as the operator wrote it, which may be a name.
  std::string name = {};

  // "host:port"
  std::string ToString() const;
};

// Stands between the monitor and the Buffer, so that the router knows a new primary before the
// Buffer releases requests to it.
//
// Thread-safe: StatsUpdate is for the one thread of the monitor, every other function for any
// thread.
class Router final : public failover::HealthCheckStatsListener {
 public:
  // Backends are named by their index in `backends` everywhere. `buffer` gets each report after the
  // router; it is not owned.
  Router(std::vector<Address> backends, failover::HealthCheckStatsListener& buffer);

  // The name of a backend in reports: its number in the list, counted from 1.
  static failover::TabletAlias AliasOf(std::size_t backend);

  const std::vector<Address>& backends() const { return backends_; }
  // The backend that was seen last as the primary, to which statements go. It may be down. nullopt:
  // no primary was seen yet.
  std::optional<std::size_t> primary() const;
  // The backend that takes writes as the primary, as far as the last reports tell; for people.
  // nullopt: there is none.
  std::optional<std::size_t> serving_primary() const;
  // Whether a primary was seen, or every backend was looked at and none is the primary.
  bool HasLooked() const;
  // Whether no health check has reached the backend for at least `duration`.
  bool IsSilent(std::size_t backend, absl::Duration duration) const;

  void StatsUpdate(const failover::TabletStats& stats) override;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  const std::vector<Address> backends_;
  failover::HealthCheckStatsListener& buffer_;

  // Written by the monitor's thread, read by all.
  std::atomic<std::size_t> primary_{kNone};
  std::atomic<std::size_t> serving_primary_{kNone};
  std::atomic<std::size_t> not_reported_;  // how many backends have not been looked at yet
  // By backend: the time of the steady clock since which it has been silent; 0: it is not silent.
  const std::unique_ptr<std::atomic<std::int64_t>[]> silent_since_;

  // Used by the monitor's thread only.
  std::vector<bool> reported_;  // by backend
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ROUTER_H_
