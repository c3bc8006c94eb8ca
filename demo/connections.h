#ifndef FAILOVER_DEMO_CONNECTIONS_H_
#define FAILOVER_DEMO_CONNECTIONS_H_

#include <array>
#include <memory>

#include "absl/status/statusor.h"
#include "cluster.h"
#include "database.h"

namespace failover_demo {

// One connection to each server, made when it is needed. Used by one thread at a time.
class Connections {
 public:
  // Not owned.
  explicit Connections(Cluster& cluster) : cluster_(cluster) {}

  // An open connection. It is valid until the next call for the same server.
  absl::StatusOr<Connection*> To(int server);

 private:
  Cluster& cluster_;
  std::array<std::unique_ptr<Connection>, Cluster::kServers> connections_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_CONNECTIONS_H_
