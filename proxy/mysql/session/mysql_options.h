// The options that only the MySQL proxy has.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "proxy/core/monitor_options.h"

namespace mysql_proxy {

// `mysql_options.cc` says what each option is, in the help text of its flag.
struct MysqlOptions {
  std::string server_version;             // empty: that of the primary
  std::size_t max_packet_size = 0;        // bytes
  std::string monitor_server_public_key;  // a file
};

// The end of the path of the source file that defines the flags, for proxy::ConfigureHelp.
inline constexpr char kFlagsFile[] = "session/mysql_options.cc";

// The text that --help prints before the flags.
const char* UsageText();

// Reads the flags. kInvalidArgument names the flag that is wrong, or that does not go together with
// `monitor`.
absl::StatusOr<MysqlOptions> MysqlOptionsFromFlags(const proxy::MonitorOptions& monitor);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
