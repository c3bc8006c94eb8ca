// What all sessions of the PostgreSQL proxy share.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_CONTEXT_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_CONTEXT_H_

#include "proxy/core/context.h"
#include "proxy/core/reloadable.h"
#include "proxy/postgres/session/cancel_registry.h"
#include "proxy/postgres/session/postgres_options.h"
#include "proxy/postgres/session/users.h"

namespace postgres_proxy {

// As proxy::Context: immutable or thread-safe, and nothing is owned.
struct PostgresContext : proxy::Context {
  const PostgresOptions& postgres;
  const proxy::Reloadable<Users>& users;
  CancelRegistry& cancels;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_CONTEXT_H_
