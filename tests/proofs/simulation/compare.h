// These functions tell in what two copies of a Buffer's statistics differ.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_

#include <string>

#include "failover/stats.h"

namespace failover::simulation {

// The result is empty if the two copies are equal.
std::string Difference(const ShardStats& expected, const ShardStats& actual);
std::string Difference(const BufferStats& expected, const BufferStats& actual);

// What is wrong with the histograms of a shard, beside its counters. Empty: nothing.
std::string WrongHistogram(const ShardStats& stats);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_COMPARE_H_
