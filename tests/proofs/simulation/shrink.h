// Cuts a list of steps that fails down to those that are needed for it.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_

#include <functional>
#include <vector>

#include "steps.h"

namespace failover::simulation {

using Fails = std::function<bool(const std::vector<Step>&)>;

// `steps` fails, and what is returned does. `fails` is asked often; once it says no to everything
// (because it ran out of time) the list is returned as far as it was cut down.
std::vector<Step> Shrink(std::vector<Step> steps, const Fails& fails);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_SHRINK_H_
