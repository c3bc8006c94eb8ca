// A round is the short life of one Buffer among many threads.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_
#define FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_

#include <cstdint>
#include <string>
#include <vector>

namespace failover::test {

struct RoundResult {
  std::uint64_t requests = 0;
  // The list is empty if all is well.
  std::vector<std::string> failures;
};

// Runs one round. The seed decides which options the Buffer has and what each thread does. It does
// not decide how the threads interleave.
RoundResult RunRound(std::uint64_t seed);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_ROUND_H_
