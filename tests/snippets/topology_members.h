// A router that lists the servers of its monitor from what a feed knows.
#ifndef FAILOVER_TESTS_SNIPPETS_TOPOLOGY_MEMBERS_H_
#define FAILOVER_TESTS_SNIPPETS_TOPOLOGY_MEMBERS_H_

#include "failover/topology/patroni_feed.h"
#include "names.h"

extern const failover::topology::PatroniState state;

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_TOPOLOGY_MEMBERS_H_
