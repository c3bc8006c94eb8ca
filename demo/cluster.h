// A primary and its replica, and what an operator does to them.
#ifndef FAILOVER_DEMO_CLUSTER_H_
#define FAILOVER_DEMO_CLUSTER_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "database.h"

namespace failover_demo {

// Server 0 is the primary at first. The servers live as long as the Cluster.
//
// The operations are called by one thread; server() by any.
class Cluster {
 public:
  static constexpr int kServers = 2;

  virtual ~Cluster() = default;

  virtual Server& server(int index) = 0;

  // The primary refuses writes, the other catches up, takes over, and is followed by the old one.
  // Ends when every acknowledged write is on both again.
  virtual absl::Status Switchover() = 0;
  // Kills the primary. Ends when the process is gone.
  virtual absl::Status CrashPrimary() = 0;
  // The other server takes over from the primary that is gone.
  virtual absl::Status PromoteOther() = 0;
};

// Starts a cluster with an empty table.
using ClusterFactory = std::function<absl::StatusOr<std::unique_ptr<Cluster>>()>;

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_CLUSTER_H_
