#include "failover/postgres/primary_monitor.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/watch/monitor.h"
#include "postgres/probe.h"
#include "watch/watched_options.h"

namespace failover::postgres {

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
  absl::StatusOr<std::unique_ptr<watch::Monitor>> monitor = watch::Monitor::Create(
      watch::internal::WatchedOptions<internal::Probe>(options, "postgres monitor"), listener);
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

std::vector<watch::ServerView> PrimaryMonitor::Servers() const { return impl_->monitor->Servers(); }

}  // namespace failover::postgres
