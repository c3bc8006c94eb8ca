// A proxy that reads errors, and cannot repeat a statement.
#ifndef FAILOVER_TESTS_SNIPPETS_REFUSED_H_
#define FAILOVER_TESTS_SNIPPETS_REFUSED_H_

#include "names.h"

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_REFUSED_H_
