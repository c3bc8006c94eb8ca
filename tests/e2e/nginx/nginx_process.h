// Debian's nginx with the module of examples/nginx as a process, for tests.
#ifndef FAILOVER_TESTS_E2E_NGINX_NGINX_PROCESS_H_
#define FAILOVER_TESTS_E2E_NGINX_NGINX_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/reserved_port.h"

namespace nginx {

struct NginxOptions {
  // The servers of the shard on loopback; the first is the target of plain_port(), too.
  std::vector<std::uint16_t> servers = {};
  int workers = 2;
  // Directives of the `stream` block.
  std::string settings = {};
  // Directives of the main block.
  std::string main = {};
};

class NginxProcess {
 public:
  // Starts an nginx, and waits until its workers have opened their control sockets. If it does not
  // start, the test fails and the result is nullptr.
  static std::unique_ptr<NginxProcess> Start(const NginxOptions& options);
  // Ends nginx in order if the test has not, and fails the test if nginx or a sanitizer complained.
  ~NginxProcess();

  NginxProcess(const NginxProcess&) = delete;
  NginxProcess& operator=(const NginxProcess&) = delete;

  // Runs `nginx -t` on this configuration of the `stream` block, in which FOLDER stands for an
  // existing folder. Returns the exit code; `output` gets what nginx said.
  static int Check(const std::string& stream, std::string* output);

  // Holds new connections while there is no primary.
  std::uint16_t port() const { return held_.port(); }
  // The same for clients that `deny` turns away.
  std::uint16_t denied_port() const { return denied_.port(); }
  // Without the module: always leads to the first server.
  std::uint16_t plain_port() const { return plain_.port(); }
  std::string control() const { return folder_.path() + "/control"; }
  std::string Output() const;

  void Signal(int number) const;

 private:
  NginxProcess() = default;
  bool Launch(const NginxOptions& options);

  const failover::test::TemporaryFolder folder_;
  const failover::test::ReservedPort held_;
  const failover::test::ReservedPort denied_;
  const failover::test::ReservedPort plain_;
  pid_t process_ = -1;
};

}  // namespace nginx

#endif  // FAILOVER_TESTS_E2E_NGINX_NGINX_PROCESS_H_
