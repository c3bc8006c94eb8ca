// The proxy's options, but for those of the Buffer.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_OPTIONS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_OPTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/core/router.h"

namespace mysql_proxy {

struct Options {
  ServerAddress listen;
  std::vector<ServerAddress> servers;
  std::string users_file;
  std::string backend_user;
  std::string backend_password;

  std::string keyspace;
  std::string shard;
  std::string server_version;

  int threads = 1;
  int max_connections = 1;
  std::size_t max_packet_size = 0;

  absl::Duration poll_interval;
  absl::Duration poll_timeout;
  absl::Duration connect_timeout;
  absl::Duration login_timeout;
  absl::Duration silence_limit;
  absl::Duration drain_timeout;
};

// Lets the flags be written with dashes, too: --users-file is --users_file.
void UnifyFlagNames(int argc, char** argv);

// What `--help` says before the flags.
const char* UsageText();
// Makes --help show the proxy's and the Buffer's flags.
void ConfigureHelp();

// Reads the flags; names of servers become numeric addresses. kInvalidArgument names the flag that
// is wrong.
absl::StatusOr<Options> OptionsFromFlags();

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_OPTIONS_H_
