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
  // On a free port of loopback, in front of servers on these ports of loopback, for clients and
  // servers with the account app. A failure of the test and nullptr if it does not start.
  static std::unique_ptr<ProxyProcess> Start(const std::vector<std::uint16_t>& servers,
                                             const std::vector<std::string>& flags);
  // Kills it.
  ~ProxyProcess();

  // What it ends with if it has these flags only, and what it says.
  static int Run(const std::vector<std::string>& flags, std::string* output);

  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  std::uint16_t port() const { return port_; }
  std::string Output() const;
  // The value after `name=` in what it prints at SIGUSR1.
  std::string State(const std::string& name) const;
  std::size_t MemoryInUse() const;
  // It gets so much more than it has, and no more.
  void LimitMemory(std::size_t more) const;

  void Signal(int number) const;
  // Until it ends by itself; its exit code, or -1 after a generous while.
  int AwaitExit();

 private:
  ProxyProcess() = default;
  bool Launch(const std::vector<std::uint16_t>& servers, const std::vector<std::string>& flags);

  std::size_t Memory(const std::string& name) const;
  std::string log_path() const { return folder_.path() + "/log"; }

  const failover::test::TemporaryFolder folder_;
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_PROCESS_H_
