// The runner runs many seeds in child processes. So a crash or a call that never returns is a
// finding like any other, and its steps are cut down like any other's.
//
// The functions must be called from a process that has no other threads.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_RUNNER_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_RUNNER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coverage.h"
#include "steps.h"

namespace failover::simulation {

struct RunOptions {
  std::uint64_t first_seed = 1;
  // The runner ends when one of these limits is reached. It finishes the run that reaches the
  // limit.
  std::uint64_t runs = UINT64_MAX;
  std::uint64_t steps = UINT64_MAX;
  std::chrono::seconds time = std::chrono::hours(24 * 365);
  unsigned processes = 1;
  // A blocking call that takes longer than call_patience is stuck, however busy the machine is. A
  // process that makes no step for process_patience is stuck, too. That limit is longer, so that
  // the process can report a stuck call itself.
  std::chrono::seconds call_patience{20};
  std::chrono::seconds process_patience{30};
  // The steps of a finding are cut down for this long.
  std::chrono::seconds shrink_time{60};
  // At some step of each run the faults stop, and then whatever is held must end.
  bool liveness = false;
  // This function is called every few seconds.
  std::function<void(std::uint64_t runs, std::uint64_t steps)> progress;
};

struct Finding {
  std::uint64_t seed = 0;
  bool liveness = false;
  std::string what;
  std::size_t steps_before = 0;  // This is the number of steps before they were cut down.
  std::vector<Step> steps;

  // Returns all that is needed to understand the finding and to repeat it.
  std::string ToString() const;
};

struct RunResult {
  std::uint64_t runs = 0;
  std::uint64_t steps = 0;
  Coverage coverage;
  std::optional<Finding> finding;
};

RunResult RunSeeds(const RunOptions& options);

// Runs the steps in a child process, and returns what went wrong. An empty string means that
// nothing did.
std::string Replay(const Config& config, const std::vector<Step>& steps);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_RUNNER_H_
