// The options that only the MySQL proxy has.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proxy/core/monitor_options.h"
#include "proxy/mysql/protocol/auth_plugin.h"
#include "proxy/mysql/protocol/rsa_password.h"

namespace mysql_proxy {

// `mysql_options.cc` says what each option is, in the help text of its flag.
struct MysqlOptions {
  std::string server_version;             // empty: that of the primary
  std::size_t max_packet_size = 0;        // bytes
  std::string monitor_server_public_key;  // a file
  AuthPlugin client_auth_plugin = AuthPlugin::kNative;
  std::optional<RsaKey> client_rsa_key = {};             // both halves
  std::optional<RsaKey> backend_server_public_key = {};  // the public half
};

// nullptr: no key of the backends is known. Valid as long as `options`.
inline const RsaKey* ServerKeyOf(const MysqlOptions& options) {
  return options.backend_server_public_key ? &*options.backend_server_public_key : nullptr;
}

// The end of the path of the source file that defines the flags, for proxy::ConfigureHelp.
inline constexpr char kFlagsFile[] = "session/mysql_options.cc";

// The text that --help prints before the flags.
const char* UsageText();

// Reads the flags. kInvalidArgument names the flag that is wrong, or that does not go together with
// `monitor`.
absl::StatusOr<MysqlOptions> MysqlOptionsFromFlags(const proxy::MonitorOptions& monitor);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_OPTIONS_H_
