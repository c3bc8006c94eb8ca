// A Cluster is a primary and its replica, with the operations that an operator performs on them.
#ifndef FAILOVER_DEMO_CLUSTER_H_
#define FAILOVER_DEMO_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "database.h"
#include "failover/health_check.h"
#include "failover/transition.h"

namespace failover_demo {

// A HealthSource reports the health of a cluster's servers until it is destroyed.
class HealthSource {
 public:
  virtual ~HealthSource() = default;
};

// How reports name the servers: ServerAlias(i) belongs to Cluster::server(i), and ServerOf finds i.
inline failover::TabletAlias ServerAlias(int server) {
  return {"local", static_cast<std::uint32_t>(server + 1)};
}
inline int ServerOf(const failover::TabletAlias& alias) { return static_cast<int>(alias.uid) - 1; }

// What requests must do while a planned switchover runs.
enum class SwitchoverKind : std::uint8_t {
  // The old primary refuses writes while it catches up, so nothing needs to know of the switchover
  // beforehand.
  kUnannounced,
  // The old primary ends, and takes with it what is in flight. So requests must be held before the
  // switchover begins, and nothing may be in flight then.
  kAnnounced,
};

// Server 0 is the primary at first. The servers live as long as the Cluster.
//
// Only one thread may call the operations. Any thread may call server().
class Cluster {
 public:
  static constexpr int kServers = 2;

  virtual ~Cluster() = default;

  virtual Server& server(int index) = 0;

  // Begins to report the servers to `listener`, on a thread of the source's own. The caller owns
  // `listener`, which must outlive the source. The source must not outlive the cluster.
  virtual absl::StatusOr<std::unique_ptr<HealthSource>> WatchHealth(
      failover::HealthCheckStatsListener& listener) = 0;

  // What a Buffer tells of its shards, for BufferOptions::on_transition. The source of WatchHealth
  // looks at the servers more often while the Buffer holds requests. May be empty.
  virtual std::function<void(const failover::Transition&)> OnTransition() { return {}; }

  virtual SwitchoverKind switchover_kind() const { return SwitchoverKind::kUnannounced; }
  // Makes the primary refuse writes or end, lets the other server catch up and take over, and makes
  // the old primary follow the new one. Returns when every acknowledged write is on both servers
  // again.
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
