#include "health_check.h"

#include <string>
#include <utility>

#include "absl/time/time.h"

namespace failover_demo {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(10);

}  // namespace

HealthCheck::HealthCheck(Cluster& cluster, Router& router,
                         failover::HealthCheckStatsListener& listener)
    : router_(router), listener_(listener), connections_(cluster), thread_([this] { Run(); }) {}

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
  const absl::StatusOr<bool> writable = AskWhetherWritable(server);
  const bool serving = writable.ok() && *writable;
  if (serving && server != primary_) {
    primary_ = server;
    ++reparents_;
    // The router must know the new primary before the Buffer releases the held requests, because
    // their retries ask the router where to go.
    router_.SetPrimary(server);
  }
  failover::TabletStats report;
  report.alias = {"local", static_cast<std::uint32_t>(server + 1)};
  report.target = {
      kKeyspace, kShard,
      server == primary_ ? failover::TabletType::kPrimary : failover::TabletType::kReplica};
  report.up = writable.ok();
  report.serving = serving;
  report.tablet_externally_reparented_timestamp = server == primary_ ? reparents_ : 0;
  if (!writable.ok()) report.last_error = writable.status().ToString();
  listener_.StatsUpdate(report);
}

absl::StatusOr<bool> HealthCheck::AskWhetherWritable(int server) {
  const absl::StatusOr<Connection*> connection = connections_.To(server);
  if (!connection.ok()) return connection.status();
  return (*connection)->IsWritable();
}

}  // namespace failover_demo
