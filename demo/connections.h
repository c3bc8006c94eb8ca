#ifndef FAILOVER_DEMO_CONNECTIONS_H_
#define FAILOVER_DEMO_CONNECTIONS_H_

#include <array>
#include <memory>

#include "absl/status/statusor.h"
#include "cluster.h"
#include "database.h"

namespace failover_demo {

// Connections holds one connection to each server, which is made when it is first needed. One
// thread at a time may use it.
class Connections {
 public:
  // The caller owns `cluster`, which must outlive this object.
  explicit Connections(Cluster& cluster) : cluster_(cluster) {}

  // Returns an open connection, which is valid until the next call for the same server.
  absl::StatusOr<Connection*> To(int server);

 private:
  Cluster& cluster_;
  std::array<std::unique_ptr<Connection>, Cluster::kServers> connections_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_CONNECTIONS_H_
