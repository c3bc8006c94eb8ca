// A primary and its replica that live in this process: for a demonstration without a database.
#ifndef FAILOVER_DEMO_SIMULATED_CLUSTER_H_
#define FAILOVER_DEMO_SIMULATED_CLUSTER_H_

#include <memory>

#include "cluster.h"

namespace failover_demo {

// Behaves as two MariaDB servers with semi-synchronous replication do: the same error numbers, the
// same points at which a crash may catch a statement (before it was executed, after it was
// executed here, after the replica has it too), the same waits of a switchover.
std::unique_ptr<Cluster> StartSimulatedCluster();

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SIMULATED_CLUSTER_H_
