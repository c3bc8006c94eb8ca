// The health check polls the servers, and tells the router and the Buffer which server is the
// primary.
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

// A HealthCheck runs on a thread of its own from its constructor to its destructor.
class HealthCheck {
 public:
  // The caller owns the three arguments, which must outlive this object.
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

  // Only the thread of the health check uses these members.
  Connections connections_;
  int primary_ = -1;
  // This number is reported as the reparent timestamp, which only has to grow.
  std::int64_t reparents_ = 0;

  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_HEALTH_CHECK_H_
