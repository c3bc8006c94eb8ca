// A MySQL or MariaDB server that a failover::mysql::PrimaryMonitor polls.
//
// Plain data that owns what it holds.
#ifndef FAILOVER_MYSQL_MONITORED_SERVER_H_
#define FAILOVER_MYSQL_MONITORED_SERVER_H_

#include <cstdint>
#include <string>

#include "failover/health_check.h"
#include "failover/watch/server_tls.h"

namespace failover::mysql {

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
  std::uint16_t port = 3306;
  // The path of a socket, at most 107 bytes. If there is a path, `host` must be empty and `port`
  // does not matter.
  std::string unix_socket;
  std::string user;
  // Nobody but the true server learns the password:
  //  - With TlsMode::kVerify the account may use mysql_native_password, client_ed25519,
  //    sha256_password, caching_sha2_password or mysql_clear_password.
  //  - Otherwise the account may use mysql_native_password or client_ed25519, which prove that the
  //    monitor knows the password and never send it. With a `server_public_key_file` the account
  //    may use sha256_password or caching_sha2_password, too.
  // A server that asks for another plugin refuses the monitor, and the report names the plugin.
  // Somebody on the way who is not kept out by kVerify can still try to guess a weak password from
  // what the monitor sends.
  std::string password;
  // TLS needs a `host`, because the client library uses no TLS on a socket.
  ServerTls tls = {};
  // A file with the public RSA key of the server in PEM format (public_key.pem in the data folder
  // of MySQL). The monitor encrypts the password with this key, and never asks the server for a
  // key. Only without TLS and with a `host`. The file is read again for each new connection.
  std::string server_public_key_file = {};
};

}  // namespace failover::mysql

#endif  // FAILOVER_MYSQL_MONITORED_SERVER_H_
