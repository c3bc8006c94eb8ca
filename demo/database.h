// What the router needs from a database: servers, and connections to them.
//
// mariadb_server.h and simulated_server.h implement it. Errors are made by sql_error.h.
#ifndef FAILOVER_DEMO_DATABASE_H_
#define FAILOVER_DEMO_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace failover_demo {

using RowId = std::int64_t;

// Used by one thread at a time.
class Connection {
 public:
  virtual ~Connection() = default;

  // False: the server has hung up, and whatever is sent now is lost. A look at the socket, no
  // round trip.
  virtual bool IsOpen() = 0;

  // In a transaction of its own. The table takes the same row twice: the audit wants to see it.
  virtual absl::Status Insert(RowId row) = 0;
  virtual absl::StatusOr<bool> Exists(RowId row) = 0;

  // Whether the server takes writes, that is whether it is the primary.
  virtual absl::StatusOr<bool> IsWritable() = 0;

  // Every row, as often as it is in the table.
  virtual absl::StatusOr<std::vector<RowId>> AllRows() = 0;
};

// Thread-safe.
class Server {
 public:
  virtual ~Server() = default;

  virtual const std::string& name() const = 0;
  virtual absl::StatusOr<std::unique_ptr<Connection>> Connect() = 0;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_DATABASE_H_
