// A PostgreSQL server that a failover::postgres::PrimaryMonitor polls.
//
// Plain data that owns what it holds.
#ifndef FAILOVER_POSTGRES_MONITORED_SERVER_H_
#define FAILOVER_POSTGRES_MONITORED_SERVER_H_

#include <cstdint>
#include <string>

#include "failover/health_check.h"
#include "failover/watch/server_tls.h"

namespace failover::postgres {

// These are the same for every database (failover/watch/server_tls.h). They have names here, too.
using watch::ServerTls;
using watch::TlsMode;

// One server, and how to reach it: by `host` and `port`, or by `unix_socket`.
struct MonitoredServer {
  // Names the server in reports and log lines. Unique within the shard, and not empty.
  TabletAlias alias;
  // A name or a numeric address. A name is looked up for each new connection, on a thread that
  // lives as long as the look-up. If the look-up fails, the addresses of the last one are used.
  std::string host;
  std::uint16_t port = 5432;
  // The path of a socket, at most 107 bytes, as in "/var/run/postgresql/.s.PGSQL.5432". If there is
  // a path, `host` must be empty and `port` does not matter.
  std::string unix_socket;
  // The role that the monitor logs in as. It needs no privilege but to connect to `database`.
  std::string user;
  // Nobody but the true server learns the password:
  //  - With TlsMode::kVerify the role may use any method that asks for a password.
  //  - With TlsMode::kRequired the role must use scram-sha-256, and the server must bind the login
  //    to its certificate (channel binding), as every PostgreSQL with TLS does.
  //  - With TlsMode::kOff the role must use scram-sha-256, which proves that the monitor knows the
  //    password and never sends it. The server may ask for 100,000 iterations at most.
  // A server that asks for something else (clear text, md5, GSSAPI) refuses the monitor, and the
  // log names what it asked for. Somebody on the way who is not kept out by kVerify can still try
  // to guess a weak password from what the monitor sends. A server that asks for no password may
  // log the monitor in, unless the mode is kRequired and there is a password.
  //
  // The monitor uses neither the environment variables nor the files of libpq for the password, the
  // certificates or the options of a session.
  std::string password;
  // The database that the monitor connects to. Any database will do. If writes are forbidden for
  // one database (ALTER DATABASE ... SET default_transaction_read_only), name that one.
  std::string database = "postgres";
  // TLS needs a `host`, because libpq uses no TLS on a socket. The key file must not be readable
  // for everybody, as libpq demands.
  ServerTls tls = {};
};

}  // namespace failover::postgres

#endif  // FAILOVER_POSTGRES_MONITORED_SERVER_H_
