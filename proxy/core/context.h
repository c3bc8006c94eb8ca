// What all sessions of a proxy share.
#ifndef FAILOVER_PROXY_CORE_CONTEXT_H_
#define FAILOVER_PROXY_CORE_CONTEXT_H_

#include "failover/buffer.h"
#include "proxy/core/options.h"
#include "proxy/core/router.h"

namespace proxy {

// Everything here is immutable or thread-safe. Nothing is owned: whoever makes a Context keeps its
// parts alive longer than the sessions.
struct Context {
  const Options& options;
  const Router& router;
  failover::Buffer& buffer;
  failover::ShardHandle shard;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CONTEXT_H_
