// What all sessions of the proxy share.
#ifndef MYSQL_PROXY_PROXY_CONTEXT_H_
#define MYSQL_PROXY_PROXY_CONTEXT_H_

#include "failover/buffer.h"
#include "options.h"
#include "router.h"
#include "users.h"

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

#endif  // MYSQL_PROXY_PROXY_CONTEXT_H_
