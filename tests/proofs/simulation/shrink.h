// Shrink cuts a failing list of steps down to the steps that are needed for the failure.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_

#include <functional>
#include <vector>

#include "steps.h"

namespace failover::simulation {

using Fails = std::function<bool(const std::vector<Step>&)>;

// `steps` must fail, and so does the returned list. `fails` is called often. When it runs out of
// time it may return false for every list, and Shrink then returns the list as far as it was cut
// down.
std::vector<Step> Shrink(std::vector<Step> steps, const Fails& fails);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_
