// The proxy as a process, for tests.
#ifndef FAILOVER_TESTS_E2E_MYSQL_PROXY_PROCESS_H_
#define FAILOVER_TESTS_E2E_MYSQL_PROXY_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace mysql_proxy {

class ProxyProcess {
 public:
  // Starts a proxy on a free port of loopback, in front of the backends on these ports of loopback.
  // Clients and the proxy itself use the account app. If the proxy does not start, the test fails
  // and the result is nullptr.
  static std::unique_ptr<ProxyProcess> Start(const std::vector<std::uint16_t>& servers,
                                             const std::vector<std::string>& flags);
  // Kills the proxy. A proxy that was built with a sanitizer ends by itself, and the test fails if
  // the sanitizer has found anything.
  ~ProxyProcess();

  // Runs a proxy with these flags alone. Returns its exit code; `output` gets what it printed.
  static int Run(const std::vector<std::string>& flags, std::string* output);

  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  std::uint16_t port() const { return port_; }
  std::string Output() const;
  // The value after `name=` in the state that the proxy prints at SIGUSR1.
  std::string State(const std::string& name) const;
  std::size_t MemoryInUse() const;
  // Lets the proxy open so many file descriptors more than it has now.
  void LimitFiles(std::size_t more) const;
  // Limits the proxy's address space to what it has and `more` bytes.
  void LimitMemory(std::size_t more) const;

  // Ends the proxy as a crash would.
  void Kill();
  void Signal(int number) const;
  // Waits until the proxy ends by itself. Returns its exit code, or -1 after a minute.
  int AwaitExit();

 private:
  ProxyProcess() = default;
  bool Launch(const std::vector<std::uint16_t>& servers, const std::vector<std::string>& flags);

  // Lets the proxy end by itself at once, so that its sanitizer looks for leaks.
  void EndInOrder();
  std::size_t Memory(const std::string& name) const;
  std::string log_path() const { return folder_.path() + "/log"; }

  const failover::test::TemporaryFolder folder_;
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

// Runs a program to its end. Returns its exit code, or -1 if a signal ended it; `output` gets what
// it printed.
int RunProgram(std::vector<std::string> command, std::string& output);

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_PROCESS_H_
