// A project that brings a probe for a database of its own. The program ends with 0 if the monitor
// reported the server as the primary.
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>

#include "absl/status/statusor.h"
#include "failover/health_check.h"
#include "failover/watch/monitor.h"
#include "failover/watch/server_probe.h"
#include "failover/watch/server_report.h"

namespace {

// A server that takes writes, as far as this probe knows.
class WritableProbe final : public failover::watch::ServerProbe {
 public:
  void Begin() override { found_.seen = failover::watch::Seen::kWritable; }
  bool busy() const override { return false; }
  pollfd event() const override { return {-1, 0, 0}; }
  void Continue(int /*revents*/) override {}
  void Expire() override {}
  const failover::watch::Observation& observation() const override { return found_; }

 private:
  failover::watch::Observation found_;
};

class FirstPrimary final : public failover::HealthCheckStatsListener {
 public:
  void StatsUpdate(const failover::TabletStats& stats) override {
    if (told_ || stats.target.tablet_type != failover::TabletType::kPrimary) return;
    told_ = true;
    serving_.set_value(stats.serving);
  }
  std::future<bool> serving() { return serving_.get_future(); }

 private:
  std::promise<bool> serving_;
  bool told_ = false;  // belongs to the monitor's thread
};

}  // namespace

int main() {
  failover::watch::ServerReport report;
  report.role = failover::watch::ServerRole::kPrimary;
  if (failover::watch::ToTabletStats(report).target.tablet_type != failover::TabletType::kPrimary) {
    return 1;
  }

  failover::watch::WatchedServer server;
  server.alias = {"zone1", 1};
  server.address = "imaginary";
  server.make_probe = [](const std::function<void()>&) {
    return std::make_unique<WritableProbe>();
  };
  failover::watch::MonitorOptions options;
  options.shards.push_back({"shop", "0", {server}});

  FirstPrimary listener;
  std::future<bool> serving = listener.serving();
  const absl::StatusOr<std::unique_ptr<failover::watch::Monitor>> monitor =
      failover::watch::Monitor::Create(options, &listener);
  if (!monitor.ok() || !(*monitor)->Start().ok()) return 1;
  if (serving.wait_for(std::chrono::seconds(30)) != std::future_status::ready || !serving.get()) {
    return 1;
  }
  (*monitor)->Stop();
  std::puts("the monitor reported the server as the primary");
  return 0;
}
