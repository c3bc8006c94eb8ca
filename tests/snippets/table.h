// A router with a feed of its own.
#ifndef FAILOVER_TESTS_SNIPPETS_TABLE_H_
#define FAILOVER_TESTS_SNIPPETS_TABLE_H_

#include "failover/watch/primary_table.h"
#include "names.h"

// What a check has found.
extern const bool connected;
extern const bool answered;
extern const bool read_only;
void MyLog(const absl::Status& problem);

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_TABLE_H_
