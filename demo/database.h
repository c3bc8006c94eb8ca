// These interfaces are what the router needs from a database: servers, and connections to them.
//
// mariadb_server.h, postgres_server.h and simulated_server.h implement them. sql_error.h reads
// their errors.
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

// One thread at a time may use a Connection.
class Connection {
 public:
  virtual ~Connection() = default;

  // Returns false if the server has hung up, so that whatever is sent now would be lost. The call
  // looks at the socket and makes no round trip.
  virtual bool IsOpen() = 0;

  // Inserts the row in a transaction of its own. The table takes the same row twice, so that the
  // audit can see when a row was inserted twice.
  virtual absl::Status Insert(RowId row) = 0;
  virtual absl::StatusOr<bool> Exists(RowId row) = 0;

  // Returns every row, as often as it is in the table.
  virtual absl::StatusOr<std::vector<RowId>> AllRows() = 0;
};

// A Server is thread-safe.
class Server {
 public:
  virtual ~Server() = default;

  virtual const std::string& name() const = 0;
  virtual absl::StatusOr<std::unique_ptr<Connection>> Connect() = 0;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_DATABASE_H_
