// The other side of the control sockets of the workers: a small health check, and an operator.
#ifndef FAILOVER_TESTS_E2E_NGINX_CONTROLLER_H_
#define FAILOVER_TESTS_E2E_NGINX_CONTROLLER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/live_mysql_server.h"

namespace nginx {

// A connection to the control socket of one worker. Each answer comes within test::kPatience, or is
// empty.
class ControlConnection {
 public:
  explicit ControlConnection(const std::string& path);
  ~ControlConnection();

  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  // Sends a line, and returns the answer without its end of line. Empty: the worker is gone.
  std::string Ask(const std::string& line);

 private:
  int socket_;
};

using ControlConnections = std::map<std::string, std::unique_ptr<ControlConnection>>;

// The control sockets in the folder that are ready.
std::vector<std::string> ControlSockets(const std::string& folder);

// Connects to each worker that is not in `connections`, and drops those that are gone.
void FindWorkers(const std::string& folder, ControlConnections* connections);

// The sum of what the workers say after `name=`, such as `held`.
int SumOfStates(const std::string& folder, const std::string& name);

// Asks the servers all the time whether they take writes, and reports to all workers. A worker that
// comes later gets the reports, too.
class HealthCheck {
 public:
  HealthCheck(std::string folder, std::vector<const failover::mysql::LiveServer*> servers);
  ~HealthCheck();

 private:
  void Run();
  // Waits for the next round. Returns false when there is none.
  bool AwaitRound();

  const std::string folder_;
  const std::vector<const failover::mysql::LiveServer*> servers_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace nginx

#endif  // FAILOVER_TESTS_E2E_NGINX_CONTROLLER_H_
