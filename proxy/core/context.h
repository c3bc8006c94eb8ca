// What all sessions of a proxy share.
#ifndef FAILOVER_PROXY_CORE_CONTEXT_H_
#define FAILOVER_PROXY_CORE_CONTEXT_H_

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/clock.h"
#include "proxy/core/connect_turns.h"
#include "proxy/core/options.h"
#include "proxy/core/router.h"
#include "proxy/core/tls.h"
#include "proxy/core/uncounted_work.h"

namespace proxy {

// Everything here is immutable or thread-safe. Nothing is owned: whoever makes a Context keeps its
// parts alive longer than the sessions.
struct Context {
  const Options& options;
  const Router& router;
  failover::Buffer& buffer;
  failover::ShardHandle shard;
  // BufferOptions::window of `buffer`.
  absl::Duration window = failover::BufferOptions().window;
  // The clock of `buffer`.
  failover::Clock& clock = failover::Clock::Steady();
  // nullptr: there is no TLS on either side.
  Tls* tls = nullptr;
  // nullptr: there are no planned switchovers.
  UncountedWork* uncounted = nullptr;
  // nullptr: any number of connections to backends may be made at once.
  ConnectTurns* connect_turns = nullptr;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CONTEXT_H_
