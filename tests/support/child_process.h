// These helpers run other programs for a test, and wait for what the programs do.
#ifndef FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_
#define FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "patience.h"

namespace failover::test {

// Waits until `condition` holds, and returns false after kPatience. The loop looks again every few
// milliseconds, because another process gives no signal when it has done something. A condition
// that is true must stay true until the test itself changes that: on a busy machine any time may
// pass between two looks.
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

// A TemporaryFolder makes a new folder, and its destructor removes the folder with all its
// contents. If the folder cannot be made, the test fails and the path is empty.
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

// Starts a program whose output is appended to `log`, and returns its process id. The program is
// killed when this process ends.
pid_t Launch(std::vector<std::string> command, const std::string& log);

// Sends SIGKILL to the process, and waits until the process has ended.
void KillAndWait(pid_t process);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_CHILD_PROCESS_H_
