#include "health_check.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "failover/clock.h"
#include "router.h"

namespace failover_demo {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(10);

}  // namespace

HealthCheck::HealthCheck(AskWritable ask, failover::HealthCheckStatsListener& listener)
    : ask_(std::move(ask)), listener_(listener), thread_([this] { Run(); }) {}

HealthCheck::~HealthCheck() {
  stop_.Notify();
  thread_.join();
}

void HealthCheck::Run() {
  do {
    for (int server = 0; server < Cluster::kServers; ++server) Poll(server);
  } while (!stop_.WaitForNotificationWithTimeout(kInterval));
}

void HealthCheck::Poll(int server) {
  // The report is about a moment after this one, as the Buffer expects of a stamp.
  const absl::Time now = failover::Clock::Steady().Now();
  const absl::StatusOr<bool> writable = ask_(server);
  const bool serving = writable.ok() && *writable;
  if (serving && server != primary_) {
    primary_ = server;
    ++reparents_;
  }
  failover::TabletStats report;
  report.alias = ServerAlias(server);
  report.target = {
      kKeyspace, kShard,
      server == primary_ ? failover::TabletType::kPrimary : failover::TabletType::kReplica};
  report.observed_at = now;
  report.up = writable.ok();
  report.serving = serving;
  report.tablet_externally_reparented_timestamp = server == primary_ ? reparents_ : 0;
  if (!writable.ok()) report.last_error = writable.status().ToString();
  listener_.StatsUpdate(report);
}

}  // namespace failover_demo
