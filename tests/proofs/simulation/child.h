// A Child is a process that runs one or more simulations, and tells its parent how far it is.
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

inline constexpr std::size_t kMostSteps = 2000;  // One run has at most this many steps.

// The child writes this structure in shared memory. The parent can read it even after the child has
// crashed.
struct SharedRun {
  std::atomic<std::uint64_t> runs{0};   // This many runs are over.
  std::atomic<std::uint64_t> steps{0};  // The finished runs did this many steps.
  Coverage coverage;                    // This is the coverage of the finished runs.
  // The other members describe the run that is under way: its seed, its steps so far, and what went
  // wrong.
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
  // Forks. The child ends when `work` returns. It ends with success if SharedRun::what is empty
  // then.
  explicit Child(const std::function<void(SharedRun&)>& work);
  // The destructor kills the child if it still runs.
  ~Child();

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The descriptor becomes readable when the child ends.
  int fd() const { return fd_; }
  // Waits for the end of the child, and returns what went wrong with it. An empty string means that
  // nothing did.
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
