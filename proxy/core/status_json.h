// The state of a proxy as JSON, which the status page shows.
#ifndef FAILOVER_PROXY_CORE_STATUS_JSON_H_
#define FAILOVER_PROXY_CORE_STATUS_JSON_H_

#include <string>

#include "proxy/core/context.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/listener.h"

namespace proxy {

// One line without a line feed. Durations are in seconds. To be called on the thread of the
// listener.
std::string StatusJson(const Context& context, const Listener& listener,
                       const FailoverHistory& history);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_JSON_H_
