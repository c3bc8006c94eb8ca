// Tells in what two copies of a Buffer's statistics differ.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_

#include <string>

#include "failover/stats.h"

namespace failover::simulation {

// Empty: in nothing.
std::string Difference(const ShardStats& expected, const ShardStats& actual);
std::string Difference(const BufferStats& expected, const BufferStats& actual);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_
