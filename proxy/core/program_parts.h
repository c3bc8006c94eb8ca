// What every proxy is made of, whatever its protocol.
#ifndef FAILOVER_PROXY_CORE_PROGRAM_PARTS_H_
#define FAILOVER_PROXY_CORE_PROGRAM_PARTS_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/watch/monitor_hook.h"
#include "proxy/core/connect_turns.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/options.h"
#include "proxy/core/router.h"
#include "proxy/core/tls.h"
#include "proxy/core/uncounted_work.h"

namespace proxy {

// The parts refer to each other, so they stay where they were made.
struct ProgramParts {
  // Makes all parts from the flags. kInvalidArgument names the flag that is wrong.
  static absl::StatusOr<std::unique_ptr<ProgramParts>> FromFlags();

  // Lives no longer than the parts.
  Context MakeContext();

  Options options;
  // While the Buffer holds statements, the monitor looks at the backends more often. Both use the
  // steady clock, as the stamps of the reports require.
  failover::watch::MonitorHook hook;
  // The Buffer ends before what its listener uses.
  FailoverHistory history;
  std::unique_ptr<Tls> tls;
  std::unique_ptr<failover::Buffer> buffer;
  std::unique_ptr<Router> router;
  UncountedWork uncounted;
  std::unique_ptr<ConnectTurns> connect_turns;
};

// What failover::mysql::PrimaryMonitor or failover::postgres::PrimaryMonitor needs to know, with
// all backends. `finish` sets what only servers of one kind have.
template <class PrimaryMonitorOptions, class Finish>
PrimaryMonitorOptions MonitorOptionsOf(const ProgramParts& parts, Finish finish) {
  const Options& options = parts.options;
  PrimaryMonitorOptions monitor;
  auto& shard = monitor.shards.emplace_back();
  shard.keyspace = options.keyspace;
  shard.shard = options.shard;
  for (std::size_t i = 0; i < options.backends.size(); ++i) {
    auto& server = shard.servers.emplace_back();
    server.alias = Router::AliasOf(i);
    server.host = options.backends[i].host;
    server.port = options.backends[i].port;
    server.user = options.monitor.user;
    server.password = options.monitor.password;
    server.tls = options.monitor.tls;
    if (server.tls.mode == failover::watch::TlsMode::kVerify && server.tls.server_name.empty()) {
      server.tls.server_name = options.backends[i].name;
    }
    finish(server);
  }
  monitor.poll_interval = options.monitor.poll_interval;
  monitor.timeout = options.monitor.poll_timeout;
  monitor.hook = parts.hook;
  return monitor;
}

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_PROGRAM_PARTS_H_
