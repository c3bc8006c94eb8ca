// The options of a proxy that do not depend on its protocol, but for those of the Buffer.
#ifndef FAILOVER_PROXY_CORE_OPTIONS_H_
#define FAILOVER_PROXY_CORE_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/core/monitor_options.h"
#include "proxy/core/router.h"
#include "proxy/core/tls_options.h"

namespace proxy {

// `proxy/core/options.cc` says what each option is, in the help text of its flag.
struct Options {
  Address listen;
  std::vector<Address> backends;
  std::string users_file;
  std::string backend_user;
  std::string backend_password;
  MonitorOptions monitor;

  std::string keyspace;
  std::string shard;

  int threads = 1;
  int max_connections = 1;
  int max_logins = 1;
  int max_user_connections = 0;  // 0: there is no such limit
  int max_backend_logins = 1;

  absl::Duration connect_timeout;
  absl::Duration login_timeout;
  absl::Duration silence_limit;
  absl::Duration drain_timeout;

  TlsOptions tls;

  // Where the status page is served; nullopt: nowhere.
  std::optional<Address> status_listen;
  // The path of the admin socket; empty: there is none.
  std::string admin_socket;
};

// Lets the flags be written with dashes, too: --users-file is --users_file.
void UnifyFlagNames(int argc, char** argv);

// Makes --help show the flags of the proxy, of the Buffer and of `flags_file`, the end of the path
// of the source file that defines the flags of the protocol.
void ConfigureHelp(std::string_view flags_file);

// Reads the flags. Names of hosts become numeric addresses. kInvalidArgument names the flag that is
// wrong.
absl::StatusOr<Options> OptionsFromFlags();

// "--flag: why", as kInvalidArgument.
absl::Status InvalidFlag(std::string_view flag, std::string_view why);

// OK if there is something to read in `file`, or if `file` is empty. kInvalidArgument names `flag`.
absl::Status CheckFile(std::string_view flag, const std::string& file);

// The first line of `file`, or an empty text if `file` is empty. kInvalidArgument names `flag`.
absl::StatusOr<std::string> FirstLine(std::string_view flag, const std::string& file);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_OPTIONS_H_
