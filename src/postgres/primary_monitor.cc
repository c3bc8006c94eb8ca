#include "failover/postgres/primary_monitor.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "failover/watch/monitor.h"
#include "postgres/probe.h"

namespace failover::postgres {
namespace {

std::string AddressOf(const MonitoredServer& server) {
  if (!server.unix_socket.empty()) return server.unix_socket;
  return absl::StrCat(server.host, ":", server.port);
}

watch::WatchedServer WatchedFrom(const MonitoredServer& server) {
  return {server.alias, AddressOf(server), [server](const std::function<void()>& wake_up) {
            return std::make_unique<internal::Probe>(server, wake_up);
          }};
}

watch::WatchedShard WatchedFrom(const MonitoredShard& shard) {
  watch::WatchedShard watched{shard.keyspace, shard.shard, {}};
  for (const MonitoredServer& server : shard.servers) {
    watched.servers.push_back(WatchedFrom(server));
  }
  return watched;
}

watch::MonitorOptions WatchedFrom(const PrimaryMonitorOptions& options) {
  watch::MonitorOptions watched;
  for (const MonitoredShard& shard : options.shards) watched.shards.push_back(WatchedFrom(shard));
  watched.poll_interval = options.poll_interval;
  watched.jitter = options.jitter;
  watched.timeout = options.timeout;
  watched.name = "postgres monitor";
  watched.urgent_interval = options.urgent_interval;
  watched.urgent_duration = options.urgent_duration;
  watched.hold_interval = options.hold_interval;
  watched.hook = options.hook;
  watched.clock = options.clock;
  watched.log = options.log;
  return watched;
}

}  // namespace

class PrimaryMonitor::Impl {
 public:
  explicit Impl(std::unique_ptr<watch::Monitor> its_monitor) : monitor(std::move(its_monitor)) {}

  const std::unique_ptr<watch::Monitor> monitor;
};

absl::StatusOr<std::unique_ptr<PrimaryMonitor>> PrimaryMonitor::Create(
    const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener) {
  absl::Status valid = options.Validate();
  if (!valid.ok()) return valid;
  if (listener == nullptr) return absl::InvalidArgumentError("listener must not be null");
  absl::StatusOr<std::unique_ptr<watch::Monitor>> monitor =
      watch::Monitor::Create(WatchedFrom(options), listener);
  if (!monitor.ok()) return monitor.status();
  return std::unique_ptr<PrimaryMonitor>(
      new PrimaryMonitor(std::make_unique<Impl>(*std::move(monitor))));
}

PrimaryMonitor::PrimaryMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PrimaryMonitor::~PrimaryMonitor() = default;

absl::Status PrimaryMonitor::Start() { return impl_->monitor->Start(); }

void PrimaryMonitor::Stop() { impl_->monitor->Stop(); }

bool PrimaryMonitor::CheckNow(std::string_view keyspace, std::string_view shard) {
  return impl_->monitor->CheckNow(keyspace, shard);
}

void PrimaryMonitor::OnTransition(const Transition& transition) {
  impl_->monitor->OnTransition(transition);
}

}  // namespace failover::postgres
