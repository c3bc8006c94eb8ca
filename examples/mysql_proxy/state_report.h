// What the proxy says about itself when it is asked (SIGUSR1).
#ifndef MYSQL_PROXY_STATE_REPORT_H_
#define MYSQL_PROXY_STATE_REPORT_H_

#include <string>

#include "failover/stats.h"
#include "router.h"

namespace mysql_proxy {

// Several lines.
std::string StateReport(const failover::BufferStats& stats, const Router& router, int connections);

}  // namespace mysql_proxy

#endif  // MYSQL_PROXY_STATE_REPORT_H_
