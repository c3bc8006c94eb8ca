// This cluster is two MariaDB servers. scripts/lib/mariadb_pair.sh starts, switches over, kills and
// promotes them.
#ifndef FAILOVER_DEMO_MARIADB_CLUSTER_H_
#define FAILOVER_DEMO_MARIADB_CLUSTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cluster.h"

namespace failover_demo {

// The servers live in `folder`, which must exist. The folder may be used again once the Cluster is
// gone.
absl::StatusOr<std::unique_ptr<Cluster>> StartMariadbCluster(const std::string& pair_script,
                                                             const std::string& folder);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MARIADB_CLUSTER_H_
