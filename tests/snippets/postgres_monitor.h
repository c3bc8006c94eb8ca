// A router for PostgreSQL, whose monitor lives as long as the router.
#ifndef FAILOVER_TESTS_SNIPPETS_POSTGRES_MONITOR_H_
#define FAILOVER_TESTS_SNIPPETS_POSTGRES_MONITOR_H_

#include "failover/postgres/monitored_server.h"
#include "names.h"

extern const std::string password;
extern const failover::postgres::MonitoredServer other_server;

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_POSTGRES_MONITOR_H_
