// A program that changes the primary.
#ifndef FAILOVER_TESTS_SNIPPETS_SWITCHOVER_H_
#define FAILOVER_TESTS_SNIPPETS_SWITCHOVER_H_

#include "names.h"

extern const std::string new_primary;
absl::Status Promote(const std::string& server);

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_SWITCHOVER_H_
