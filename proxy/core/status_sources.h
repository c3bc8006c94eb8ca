// What the status page is made from.
#ifndef FAILOVER_PROXY_CORE_STATUS_SOURCES_H_
#define FAILOVER_PROXY_CORE_STATUS_SOURCES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "failover/watch/server_view.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/listener.h"

namespace proxy {

// Nothing is owned. Everything must outlive the pages that are made from it.
struct StatusSources {
  const Context& context;
  const Listener& listener;
  const FailoverHistory& history;
  // Tells what the monitors know of the backends, whose aliases are those of Router::AliasOf. May
  // be empty, and need not know all backends.
  std::function<std::vector<failover::watch::ServerView>()> backends = {};
  // When the proxy started, on the Buffer's clock: about since when the counters count.
  absl::Time started = context.buffer.Now();
};

// How many statements can have waited at once, for failover::SizeNeeded: a client waits for one at
// a time. nullopt: there was no client.
std::optional<std::uint64_t> MostAtOnce(const StatusSources& sources);

// What is known of each backend, by its index in Router::backends.
std::vector<failover::watch::ServerView> BackendViews(const StatusSources& sources);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STATUS_SOURCES_H_
