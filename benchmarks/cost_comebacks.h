// The rows of failover_cost_probe for requests that may come back.
#ifndef FAILOVER_BENCHMARKS_COST_COMEBACKS_H_
#define FAILOVER_BENCHMARKS_COST_COMEBACKS_H_

#include <cstddef>

#include "cost_counters.h"

namespace failover::benchmarks {

// A retry was refused, and its request is held again.
Costs HeldAgain(std::size_t operations);
// A request is let go alone, its callback runs, and the end of its retry proves nothing.
Costs Probe(std::size_t operations);
// As the row release, but each retry succeeds, proves that the shard takes writes, and lets the
// drain grow.
Costs AdaptiveDrain(std::size_t operations);

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_COST_COMEBACKS_H_
