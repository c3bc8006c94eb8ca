// A MySQL or MariaDB server that a failover::mysql::PrimaryMonitor polls.
//
// Plain data that owns what it holds.
#ifndef FAILOVER_MYSQL_MONITORED_SERVER_H_
#define FAILOVER_MYSQL_MONITORED_SERVER_H_

#include <cstdint>
#include <string>

#include "failover/health_check.h"

namespace failover::mysql {

// One server, and how to reach it: by `host` and `port`, or by `unix_socket`.
struct MonitoredServer {
  // Names the server in reports and log lines. Unique within the shard, and not empty.
  TabletAlias alias;
  // A name or a numeric address. A name is looked up for each new connection, on a thread that
  // lives as long as the look-up. If the look-up fails, the addresses of the last one are used.
  std::string host;
  std::uint16_t port = 3306;
  // The path of a socket, at most 107 bytes. If there is a path, `host` must be empty and `port`
  // does not matter.
  std::string unix_socket;
  std::string user;
  // The monitor refuses authentication that would send the password in the clear. The connection is
  // not encrypted.
  std::string password;
};

}  // namespace failover::mysql

#endif  // FAILOVER_MYSQL_MONITORED_SERVER_H_
