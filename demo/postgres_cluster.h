// The demo on two PostgreSQL servers with synchronous replication.
#ifndef FAILOVER_DEMO_POSTGRES_CLUSTER_H_
#define FAILOVER_DEMO_POSTGRES_CLUSTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cluster.h"

namespace failover_demo {

// `pair_script` is scripts/lib/postgres_pair.sh. StartPairCluster says what becomes of `folder`.
absl::StatusOr<std::unique_ptr<Cluster>> StartPostgresCluster(const std::string& pair_script,
                                                              const std::string& folder);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_POSTGRES_CLUSTER_H_
