// The health check of simulated servers. Real servers are watched by the library's monitor.
#ifndef FAILOVER_DEMO_HEALTH_CHECK_H_
#define FAILOVER_DEMO_HEALTH_CHECK_H_

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "cluster.h"
#include "failover/health_check.h"

namespace failover_demo {

// A HealthCheck polls the servers on a thread of its own from its constructor to its destructor.
class HealthCheck final : public HealthSource {
 public:
  // Returns whether server `server` takes writes, or the error of a server that gives no answer.
  using AskWritable = std::function<absl::StatusOr<bool>(int server)>;

  // The caller owns `listener`, which must outlive this object, as must all that `ask` uses.
  HealthCheck(AskWritable ask, failover::HealthCheckStatsListener& listener);
  ~HealthCheck() override;

  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

 private:
  void Run();
  void Poll(int server);

  const AskWritable ask_;
  failover::HealthCheckStatsListener& listener_;

  // Only the thread of the health check uses these members.
  int primary_ = -1;
  // This number is reported as the reparent timestamp, which only has to grow.
  std::int64_t reparents_ = 0;

  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_HEALTH_CHECK_H_
