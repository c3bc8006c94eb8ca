// What all sessions of the proxy share.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_PROXY_CONTEXT_H_
#define FAILOVER_PROXY_MYSQL_SESSION_PROXY_CONTEXT_H_

#include "failover/buffer.h"
#include "proxy/core/router.h"
#include "proxy/mysql/session/options.h"
#include "proxy/mysql/session/users.h"

namespace mysql_proxy {

// Immutable or thread-safe, all of it; nothing is owned.
struct ProxyContext {
  const Options& options;
  const Users& users;
  const Router& router;
  failover::Buffer& buffer;
  failover::ShardHandle shard;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PROXY_CONTEXT_H_
