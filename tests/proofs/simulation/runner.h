// Runs seeds, each in turn, in child processes: a crash or a call that never returns is a finding
// like any other, and is shrunk like any other.
//
// Call it from a process that has no other threads.
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
  // Ends when one of these is reached; the run that reaches it is finished.
  std::uint64_t runs = UINT64_MAX;
  std::uint64_t steps = UINT64_MAX;
  std::chrono::seconds time = std::chrono::hours(24 * 365);
  unsigned processes = 1;
  // A blocking call that takes that long is stuck, on a machine however busy; and so is, after that
  // and some more, a process that makes no step.
  std::chrono::seconds call_patience{20};
  std::chrono::seconds process_patience{30};
  // For how long the steps of a finding are cut down.
  std::chrono::seconds shrink_time{60};
  // Called every few seconds.
  std::function<void(std::uint64_t runs, std::uint64_t steps)> progress;
};

struct Finding {
  std::uint64_t seed = 0;
  std::string what;
  std::size_t steps_before = 0;  // how many there were before they were shrunk
  std::vector<Step> steps;

  // All that is needed to understand and to repeat it.
  std::string ToString() const;
};

struct RunResult {
  std::uint64_t runs = 0;
  std::uint64_t steps = 0;
  Coverage coverage;
  std::optional<Finding> finding;
};

RunResult RunSeeds(const RunOptions& options);

// What goes wrong; empty: nothing. In a child process, too.
std::string Replay(const Config& config, const std::vector<Step>& steps);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_RUNNER_H_
