// LiveServer starts real PostgreSQL servers for tests. Each server listens on loopback in a
// temporary folder of its own. The server and the folder are gone when the object is destroyed.
#ifndef FAILOVER_TESTS_SUPPORT_LIVE_POSTGRES_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_LIVE_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "child_process.h"
#include "postgres_wire_client.h"
#include "reserved_port.h"

namespace failover::postgres {

// How a server ends (the manual, "Shutting Down the Server").
enum class Shutdown : int {
  kSmart,
  kFast,
  kImmediate,
};

// One server. Not thread-safe.
//
// postgres refuses to run as root. If the test runs as root, the server runs as the user postgres,
// whom Debian's package makes, and otherwise as the user of the test.
class LiveServer {
 public:
  // Makes a database cluster and starts a server. `settings` are lines of postgresql.conf, such as
  // "max_prepared_transactions=2". If the server cannot be started within test::kPatience, the test
  // fails and the result is nullptr.
  static std::unique_ptr<LiveServer> Start(std::vector<std::string> settings = {});
  // Makes a cluster, and starts it as a hot standby that has no primary to follow.
  static std::unique_ptr<LiveServer> StartStandby(std::vector<std::string> settings = {});
  // Starts a standby that replicates `primary`.
  static std::unique_ptr<LiveServer> StartReplicaOf(const LiveServer& primary,
                                                    std::vector<std::string> settings = {});
  // The destructor ends the server at once and removes its folder.
  ~LiveServer();

  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  std::uint16_t port() const { return port_.port(); }
  std::string socket_path() const;
  // Writes a file of the data folder. Only the user of the server may read the file.
  void WriteDataFile(const std::string& name, const std::string& text) const;
  // Runs statements as the superuser. If one fails, the test fails.
  void Run(const std::string& statements) const;
  // Waits until the server process `pid` waits for `event` (pg_stat_activity.wait_event).
  bool AwaitWait(int pid, const std::string& event) const;

  // Asks the server to end, and does not wait for that.
  void Order(Shutdown shutdown) const;
  // Sends a signal to the postmaster, or to another process of this server.
  void Signal(int number) const;
  // Sends a signal to the postmaster and all its children.
  void SignalAll(int number) const;
  static void SignalProcess(int pid, int number);
  // Waits until the postmaster has ended.
  void AwaitEnd();
  // Runs the postmaster again, without waiting until the server accepts connections. The variable
  // LANGUAGE of its environment chooses the language of the server's messages.
  bool Launch(const std::vector<std::string>& settings, const std::string& language = "en");
  // Waits until a login succeeds. Returns false if the postmaster ended.
  bool AwaitLogin();
  // Replaces the data of the server, which has ended, by a copy of those of `primary`. From then on
  // the server starts as a standby of `primary`.
  bool CopyFrom(const LiveServer& primary) const;
  // Makes the server start as a standby from now on.
  void BecomeStandby() const;

 private:
  LiveServer() = default;
  // Fails the test, with the log of the server, if the server does not start.
  bool LaunchAndAwaitLogin(const std::vector<std::string>& settings);
  bool Install() const;
  std::string data() const { return folder_.path() + "/data"; }

  const test::TemporaryFolder folder_;
  const test::ReservedPort port_;
  pid_t process_ = -1;
};

}  // namespace failover::postgres

#endif  // FAILOVER_TESTS_SUPPORT_LIVE_POSTGRES_SERVER_H_
