// Makes the options of the Monitor from those of a module for one database, which have the same
// shape and other servers.
#ifndef FAILOVER_SRC_WATCH_WATCHED_OPTIONS_H_
#define FAILOVER_SRC_WATCH_WATCHED_OPTIONS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/watch/monitor.h"

namespace failover::watch::internal {

// Where the logs say that the server is.
template <typename Server>
std::string AddressOf(const Server& server) {
  if (!server.unix_socket.empty()) return server.unix_socket;
  return absl::StrCat(server.host, ":", server.port);
}

// `Probe` is constructed from a server and the function that wakes the monitor. `name` begins the
// log lines.
template <typename Probe, typename Options>
MonitorOptions WatchedOptions(const Options& options, std::string name) {
  MonitorOptions watched;
  for (const auto& shard : options.shards) {
    WatchedShard& added = watched.shards.emplace_back();
    added.keyspace = shard.keyspace;
    added.shard = shard.shard;
    for (const auto& server : shard.servers) {
      added.servers.push_back(
          {server.alias, AddressOf(server), [server](const std::function<void()>& wake_up) {
             return std::make_unique<Probe>(server, wake_up);
           }});
    }
  }
  watched.poll_interval = options.poll_interval;
  watched.jitter = options.jitter;
  watched.timeout = options.timeout;
  watched.name = std::move(name);
  watched.urgent_interval = options.urgent_interval;
  watched.urgent_duration = options.urgent_duration;
  watched.hold_interval = options.hold_interval;
  watched.hook = options.hook;
  watched.clock = options.clock;
  watched.log = options.log;
  return watched;
}

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_WATCHED_OPTIONS_H_
