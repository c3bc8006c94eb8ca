// A router whose clusters Patroni manages, with a feed that lives as long as the router.
#ifndef FAILOVER_TESTS_SNIPPETS_TOPOLOGY_H_
#define FAILOVER_TESTS_SNIPPETS_TOPOLOGY_H_

#include "names.h"

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_TOPOLOGY_H_
