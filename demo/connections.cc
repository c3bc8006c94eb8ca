#include "connections.h"

#include <utility>

namespace failover_demo {

absl::StatusOr<Connection*> Connections::To(int server) {
  std::unique_ptr<Connection>& connection = connections_.at(static_cast<std::size_t>(server));
  // A statement that is sent to a server which has hung up would be lost, and nobody could tell
  // whether it was executed. So the code looks at the connection before it uses it.
  if (connection == nullptr || !connection->IsOpen()) {
    connection.reset();
    absl::StatusOr<std::unique_ptr<Connection>> fresh = cluster_.server(server).Connect();
    if (!fresh.ok()) return fresh.status();
    connection = *std::move(fresh);
  }
  return connection.get();
}

}  // namespace failover_demo
