// The short life of one Buffer among many threads.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_
#define FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_

#include <cstdint>
#include <string>
#include <vector>

namespace failover::test {

struct RoundResult {
  std::uint64_t requests = 0;
  // Empty: all is well.
  std::vector<std::string> failures;
};

// What the options are and who does what is decided by the seed; how it interleaves is not.
RoundResult RunRound(std::uint64_t seed);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_
