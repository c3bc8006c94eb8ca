// What a proxy serves at --status-listen: /metrics for Prometheus, /healthz for a load balancer,
// and a page for people.
#ifndef FAILOVER_PROXY_CORE_STATUS_PAGE_H_
#define FAILOVER_PROXY_CORE_STATUS_PAGE_H_

#include <string_view>

#include "proxy/core/http_message.h"
#include "proxy/core/status_sources.h"

namespace proxy {

// Makes the page for a path; 404 for an unknown path. To be called on the thread of the listener.
// `sources` must outlive the page.
//
//   /metrics   the metrics of the Buffer, and those of the proxy (failover_proxy_...)
//   /healthz   200 if the proxy takes clients. 503 before it has looked at its backends, and while
//              it drains. A failover is no reason for 503: the clients of another proxy would
//              find the same backends.
//   /status.json, /events, /   the state as JSON, each second as a server-sent event, and as HTML
HttpPage StatusPage(const StatusSources& sources, std::string_view path);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_PAGE_H_
