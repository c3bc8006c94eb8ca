// What a proxy prints about itself at SIGUSR1.
#ifndef FAILOVER_PROXY_CORE_STATE_REPORT_H_
#define FAILOVER_PROXY_CORE_STATE_REPORT_H_

#include <string>

#include "failover/stats.h"
#include "proxy/core/router.h"

namespace proxy {

// The report: several lines, the last of which ends with a line feed.
// `connections` counts all clients, and `logins` those that have not logged in.
std::string StateReport(const failover::BufferStats& stats, const Router& router, int connections,
                        int logins);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATE_REPORT_H_
