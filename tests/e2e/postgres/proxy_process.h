// The PostgreSQL proxy as a process, for tests.
#ifndef FAILOVER_TESTS_E2E_POSTGRES_PROXY_PROCESS_H_
#define FAILOVER_TESTS_E2E_POSTGRES_PROXY_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace postgres_proxy {

class ProxyProcess {
 public:
  // Starts a proxy on a free port of loopback, in front of the backends on these ports of loopback.
  // `users` is the text of the users file. If the proxy does not start, the test fails and the
  // result is nullptr.
  static std::unique_ptr<ProxyProcess> Start(const std::vector<std::uint16_t>& servers,
                                             const std::string& users,
                                             const std::vector<std::string>& flags);
  // Kills the proxy.
  ~ProxyProcess();

  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  std::uint16_t port() const { return port_; }
  std::string Output() const;
  // Writes the users file anew, which the proxy reads at its start and at SIGHUP.
  void WriteUsers(const std::string& users) const;
  void Signal(int number) const;
  // Waits until the proxy ends by itself. Returns its exit code, or -1 if it does not end.
  int AwaitExit();

 private:
  ProxyProcess() = default;
  bool Launch(const std::vector<std::uint16_t>& servers, const std::string& users,
              const std::vector<std::string>& flags);

  const failover::test::TemporaryFolder folder_;
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

// Another program that a test runs to its end or beside itself.
class Program {
 public:
  // `input` is what the program reads.
  explicit Program(const std::vector<std::string>& command, const std::string& input = "");
  ~Program();

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int number) const;
  // Waits for the end. Returns the exit code, or -1.
  int Await();
  std::string Output() const;

 private:
  const failover::test::TemporaryFolder folder_;
  pid_t process_ = -1;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_TESTS_E2E_POSTGRES_PROXY_PROCESS_H_
