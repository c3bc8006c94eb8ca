// Other programs that a test runs, and waiting for what they do.
#ifndef FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_
#define FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "patience.h"

namespace failover::test {

// Waits until `condition` holds; false after kPatience. For what another process does, which gives
// no signal. The condition must stay true once it is true, until the test itself changes that:
// on a busy machine any time may pass between two looks.
template <typename Condition>
bool Await(Condition condition) {
  constexpr std::chrono::milliseconds kStep(10);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

// A new folder, which is gone with its object and all that is in it. If it cannot be made the test
// fails, and the path is empty.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Starts a program whose output goes to the end of `log`, and that ends with this process at the
// latest. Its process id.
pid_t Launch(std::vector<std::string> command, const std::string& log);

// kill -9; it has ended when this returns.
void KillAndWait(pid_t process);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_
