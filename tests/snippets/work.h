// A request that is counted.
#ifndef FAILOVER_TESTS_SNIPPETS_WORK_H_
#define FAILOVER_TESTS_SNIPPETS_WORK_H_

#include "names.h"

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_WORK_H_
