// How the files of the Model count.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_COUNT_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_COUNT_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace failover::simulation {

template <typename Enum, std::size_t kSize>
void Count(std::array<std::uint64_t, kSize>& counters, Enum which) {
  ++counters[static_cast<std::size_t>(which)];
}

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_COUNT_H_
