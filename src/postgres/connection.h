// A connection of libpq with the options that a probe needs.
#ifndef FAILOVER_SRC_POSTGRES_CONNECTION_H_
#define FAILOVER_SRC_POSTGRES_CONNECTION_H_

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "failover/postgres/monitored_server.h"

namespace failover::postgres::internal {

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

// Begins to connect to `address`, which is numeric and does not matter for a server on a socket.
// The attempt goes on with PQconnectPoll. nullptr if there is no memory. Nothing that libpq does
// with the connection waits for the server, nor writes to the terminal.
Connection BeginToConnect(const MonitoredServer& server, const std::string& address);

}  // namespace failover::postgres::internal

#endif  // FAILOVER_SRC_POSTGRES_CONNECTION_H_
