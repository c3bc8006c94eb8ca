// A router for MySQL, whose monitor lives as long as the router.
#ifndef FAILOVER_TESTS_SNIPPETS_MONITOR_H_
#define FAILOVER_TESTS_SNIPPETS_MONITOR_H_

#include "failover/mysql/primary_monitor.h"
#include "names.h"

extern const std::string password;

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_MONITOR_H_
