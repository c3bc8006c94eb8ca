// What a proxy prints about itself at SIGUSR1.
#ifndef FAILOVER_PROXY_CORE_STATE_REPORT_H_
#define FAILOVER_PROXY_CORE_STATE_REPORT_H_

#include <string>

#include "failover/stats.h"
#include "proxy/core/router.h"

namespace proxy {

// The report: several lines, the last of which ends with a line feed.
std::string StateReport(const failover::BufferStats& stats, const Router& router, int connections);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATE_REPORT_H_
