// What all sessions of the MySQL proxy share.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_CONTEXT_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_CONTEXT_H_

#include "proxy/core/context.h"
#include "proxy/core/reloadable.h"
#include "proxy/mysql/session/mysql_options.h"
#include "proxy/mysql/session/primary_greeting.h"
#include "proxy/mysql/session/session_registry.h"
#include "proxy/mysql/session/users.h"

namespace mysql_proxy {

// As proxy::Context: immutable or thread-safe, and nothing is owned.
struct MysqlContext : proxy::Context {
  const MysqlOptions& mysql;
  const proxy::Reloadable<Users>& users;
  SessionRegistry& sessions;
  PrimaryGreeting& primary_greeting;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_CONTEXT_H_
