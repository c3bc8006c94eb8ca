#include "connections.h"

#include <utility>

namespace failover_demo {

absl::StatusOr<Connection*> Connections::To(int server) {
  std::unique_ptr<Connection>& connection = connections_.at(static_cast<std::size_t>(server));
  // A statement sent to a server that has hung up would be lost, and nobody could tell whether it
  // was executed. So look first.
  if (connection == nullptr || !connection->IsOpen()) {
    connection.reset();
    absl::StatusOr<std::unique_ptr<Connection>> fresh = cluster_.server(server).Connect();
    if (!fresh.ok()) return fresh.status();
    connection = *std::move(fresh);
  }
  return connection.get();
}

}  // namespace failover_demo
