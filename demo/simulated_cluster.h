// This cluster is a primary and its replica that live in this process, so that the demonstration
// needs no database.
#ifndef FAILOVER_DEMO_SIMULATED_CLUSTER_H_
#define FAILOVER_DEMO_SIMULATED_CLUSTER_H_

#include <memory>

#include "cluster.h"

namespace failover_demo {

// Starts a cluster that behaves as two MariaDB servers with semi-synchronous replication do. The
// error numbers and the waits of a switchover are the same. A crash may catch a statement at the
// same points: before its execution, after its execution on the primary, or after the replica has
// received it.
std::unique_ptr<Cluster> StartSimulatedCluster();

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SIMULATED_CLUSTER_H_
