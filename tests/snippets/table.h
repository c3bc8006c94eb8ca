// A router with a feed of its own.
#ifndef FAILOVER_TESTS_SNIPPETS_TABLE_H_
#define FAILOVER_TESTS_SNIPPETS_TABLE_H_

#include "failover/watch/primary_table.h"
#include "names.h"

extern const failover::watch::ServerReport report;
void MyLog(const absl::Status& problem);

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_TABLE_H_
