// A child process that runs one or more simulations, and tells its parent how far it is.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_CHILD_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_CHILD_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "coverage.h"
#include "steps.h"

namespace failover::simulation {

inline constexpr std::size_t kMostSteps = 2000;  // in one run

// Written by the child, read by the parent, also when the child has crashed.
struct SharedRun {
  std::atomic<std::uint64_t> runs{0};   // that are over
  std::atomic<std::uint64_t> steps{0};  // that were done in those
  Coverage coverage;                    // of those
  // The run that is under way: its seed, its steps so far, and what went wrong.
  std::atomic<std::uint64_t> seed{0};
  std::atomic<std::size_t> step_count{0};
  std::array<Step, kMostSteps> step_list{};
  std::array<char, 2000> what{};

  void AddStep(const Step& step);
  void SetWhat(const std::string& text);
  std::vector<Step> Steps() const;
};

class Child {
 public:
  // Forks. The child ends when `work` returns: well if SharedRun::what is empty.
  explicit Child(const std::function<void(SharedRun&)>& work);
  // Kills it if it still runs.
  ~Child();

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Becomes readable when the child ends.
  int fd() const { return fd_; }
  // It has ended. What went wrong with it; empty: nothing.
  std::string Reap();
  void Kill();

  const SharedRun& shared() const { return *shared_; }

 private:
  SharedRun* const shared_;
  pid_t pid_ = -1;
  int fd_ = -1;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_CHILD_H_
