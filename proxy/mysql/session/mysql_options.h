// The options that only the MySQL proxy has.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "failover/mysql/monitored_server.h"

namespace mysql_proxy {

// `mysql_options.cc` says what each option is, in the help text of its flag.
struct MysqlOptions {
  std::string server_version;       // empty: that of the primary
  std::size_t max_packet_size = 0;  // bytes
  // How the health checks are encrypted. If there is no name, each backend proves that it is the
  // host that
  // --servers names.
  failover::mysql::ServerTls monitor_tls;
  std::string monitor_server_public_key;  // a file
};

// The end of the path of the source file that defines the flags, for proxy::ConfigureHelp.
inline constexpr char kFlagsFile[] = "session/mysql_options.cc";

// The text that --help prints before the flags.
const char* UsageText();

// Reads the flags. kInvalidArgument names the flag that is wrong.
absl::StatusOr<MysqlOptions> MysqlOptionsFromFlags();

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
