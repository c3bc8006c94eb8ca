// A proxy with a pool of connections to the servers.
#ifndef FAILOVER_TESTS_SNIPPETS_TRANSITION_H_
#define FAILOVER_TESTS_SNIPPETS_TRANSITION_H_

#include <cstdint>

#include "names.h"

struct Pool {
  void CloseIdleConnectionsOlderThan(std::uint64_t epoch);
};
#define SNIPPET_PARAMETERS Pool* pool

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_TRANSITION_H_
