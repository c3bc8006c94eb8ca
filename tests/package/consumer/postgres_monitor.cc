// This project uses the monitor of PostgreSQL. It exits with 0 if the monitor reported that a
// server is down.
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>

#include "absl/status/statusor.h"
#include "failover/health_check.h"
#include "failover/postgres/primary_monitor.h"

namespace {

class FirstReport final : public failover::HealthCheckStatsListener {
 public:
  void StatsUpdate(const failover::TabletStats& stats) override {
    if (!told_) up_.set_value(stats.up);
    told_ = true;
  }
  std::future<bool> up() { return up_.get_future(); }

 private:
  std::promise<bool> up_;
  bool told_ = false;  // Only the monitor's thread uses this flag.
};

}  // namespace

int main() {
  failover::postgres::MonitoredServer server;
  server.alias = {"zone1", 1};
  server.unix_socket = "/no-server-here/.s.PGSQL.5432";
  server.user = "monitor";
  failover::postgres::PrimaryMonitorOptions options;
  options.shards.push_back({"commerce", "-80", {server}});

  FirstReport report;
  std::future<bool> up = report.up();
  const absl::StatusOr<std::unique_ptr<failover::postgres::PrimaryMonitor>> monitor =
      failover::postgres::PrimaryMonitor::Create(options, &report);
  if (!monitor.ok() || !(*monitor)->Start().ok()) return 1;
  if (up.wait_for(std::chrono::seconds(30)) != std::future_status::ready || up.get()) return 1;
  (*monitor)->Stop();
  std::puts("the monitor reported that the server is down");
  return 0;
}
