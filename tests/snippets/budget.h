// A router with a Buffer for each core.
#ifndef FAILOVER_TESTS_SNIPPETS_BUDGET_H_
#define FAILOVER_TESTS_SNIPPETS_BUDGET_H_

#include "failover/budget.h"
#include "names.h"

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_BUDGET_H_
