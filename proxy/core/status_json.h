// The state of a proxy as JSON, which the status page shows.
#ifndef FAILOVER_PROXY_CORE_STATUS_JSON_H_
#define FAILOVER_PROXY_CORE_STATUS_JSON_H_

#include <string>

#include "proxy/core/status_sources.h"

namespace proxy {

// One line without a line feed. Durations are in seconds. To be called on the thread of the
// listener.
std::string StatusJson(const StatusSources& sources);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_JSON_H_
