// A Cluster is a primary and its replica, with the operations that an operator performs on them.
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
// Only one thread may call the operations. Any thread may call server().
class Cluster {
 public:
  static constexpr int kServers = 2;

  virtual ~Cluster() = default;

  virtual Server& server(int index) = 0;

  // Makes the primary refuse writes, lets the other server catch up and take over, and makes the
  // old primary follow the new one. Returns when every acknowledged write is on both servers again.
  virtual absl::Status Switchover() = 0;
  // Kills the primary. Returns when its process is gone.
  virtual absl::Status CrashPrimary() = 0;
  // Promotes the other server after the primary is gone.
  virtual absl::Status PromoteOther() = 0;
};

// A ClusterFactory starts a cluster with an empty table.
using ClusterFactory = std::function<absl::StatusOr<std::unique_ptr<Cluster>>()>;

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_CLUSTER_H_
