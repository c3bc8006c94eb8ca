// Polls the servers, and tells the router and the Buffer which one is the primary.
#ifndef FAILOVER_DEMO_HEALTH_CHECK_H_
#define FAILOVER_DEMO_HEALTH_CHECK_H_

#include <cstdint>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "cluster.h"
#include "connections.h"
#include "failover/health_check.h"
#include "router.h"

namespace failover_demo {

// Runs on a thread of its own from the constructor to the destructor.
class HealthCheck {
 public:
  // None is owned.
  HealthCheck(Cluster& cluster, Router& router, failover::HealthCheckStatsListener& listener);
  ~HealthCheck();

  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

 private:
  void Run();
  void Poll(int server);
  absl::StatusOr<bool> AskWhetherWritable(int server);

  Router& router_;
  failover::HealthCheckStatsListener& listener_;

  // Used by the thread alone.
  Connections connections_;
  int primary_ = -1;
  std::int64_t reparents_ = 0;  // the reparent timestamp: it has to grow, that is all

  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_HEALTH_CHECK_H_
