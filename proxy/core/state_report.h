// What the proxy says about itself when it is asked (SIGUSR1).
#ifndef FAILOVER_PROXY_CORE_STATE_REPORT_H_
#define FAILOVER_PROXY_CORE_STATE_REPORT_H_

#include <string>

#include "failover/stats.h"
#include "proxy/core/router.h"

namespace mysql_proxy {

// Several lines.
std::string StateReport(const failover::BufferStats& stats, const Router& router, int connections);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_CORE_STATE_REPORT_H_
