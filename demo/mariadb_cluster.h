// The demo on two MariaDB servers with semi-synchronous replication.
#ifndef FAILOVER_DEMO_MARIADB_CLUSTER_H_
#define FAILOVER_DEMO_MARIADB_CLUSTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cluster.h"

namespace failover_demo {

// `pair_script` is scripts/lib/mariadb_pair.sh. StartPairCluster says what becomes of `folder`.
absl::StatusOr<std::unique_ptr<Cluster>> StartMariadbCluster(const std::string& pair_script,
                                                             const std::string& folder);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MARIADB_CLUSTER_H_
