// The options of the health checks.
#ifndef FAILOVER_PROXY_CORE_MONITOR_OPTIONS_H_
#define FAILOVER_PROXY_CORE_MONITOR_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/watch/server_tls.h"

namespace proxy {

// `monitor_options.cc` says what each option is, in the help text of its flag.
struct MonitorOptions {
  std::string user;
  std::string password;
  failover::watch::ServerTls tls;
  absl::Duration poll_interval;
  absl::Duration poll_timeout;
};

// Reads the flags. Without --monitor_user, the account is that of `backend_user`. kInvalidArgument
// names the flag that is wrong.
absl::StatusOr<MonitorOptions> MonitorOptionsFromFlags(const std::string& backend_user,
                                                       const std::string& backend_password);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_MONITOR_OPTIONS_H_
