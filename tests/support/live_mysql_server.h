// Real MariaDB servers for tests. Each server has a temporary folder of its own and listens on
// loopback. The server and the folder are gone with the object.
#ifndef FAILOVER_TESTS_SUPPORT_LIVE_MYSQL_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_LIVE_MYSQL_SERVER_H_

#include <mysql.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "child_process.h"
#include "failover/mysql/errors.h"

namespace failover::mysql {

// The account that may change all data and nothing of the server. read_only applies to this
// account.
inline constexpr char kAppUser[] = "app";
inline constexpr char kAppPassword[] = "app-password";

// A blocking connection, as a client has it. Not thread-safe.
class Client {
 public:
  // Both connect and wait for the result. The number of error() is 0 if the client is connected.
  static Client ByPort(std::uint16_t port, const std::string& user, const std::string& password);
  static Client BySocket(const std::string& path, const std::string& user,
                         const std::string& password);

  // The error of the last call; the number is 0 if the call succeeded.
  const MysqlError& error() const { return error_; }
  // Runs a statement and drops its result.
  const MysqlError& Run(const std::string& statement);
  // Runs a statement and returns the first field of its first row; empty if there is no row.
  std::string Ask(const std::string& statement);
  // Repeats Ask until the result is `answer`. Returns false if that takes longer than a generous
  // while.
  bool AwaitAnswer(const std::string& statement, const std::string& answer);

  // Send begins a statement and Receive waits for its end, so that a test can do something else in
  // between.
  void Send(const std::string& statement);
  const MysqlError& Receive();

  MYSQL* handle() { return handle_.get(); }
  unsigned long id() { return mysql_thread_id(handle_.get()); }

 private:
  struct Close {
    void operator()(MYSQL* handle) const { mysql_close(handle); }
  };

  Client(const char* host, std::uint16_t port, const char* socket_path, const std::string& user,
         const std::string& password);
  void KeepError();

  std::unique_ptr<MYSQL, Close> handle_;
  MysqlError error_;
};

// One mariadbd. Not thread-safe.
class LiveServer {
 public:
  // Starts a server. `arguments` are added to the arguments that a small server needs. If the
  // server does not answer within a minute, the test fails and Start returns nullptr.
  static std::unique_ptr<LiveServer> Start(std::vector<std::string> arguments);
  // Kills the server and removes its folder.
  ~LiveServer();

  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string socket_path() const { return folder() + "/socket"; }
  const std::string& folder() const { return folder_.path(); }

  Client Root() const { return Client::BySocket(socket_path(), "root", ""); }
  Client App() const { return Client::ByPort(port_, kAppUser, kAppPassword); }
  // Runs `statement` as root. The test fails if the statement fails.
  void Run(const std::string& statement) const;

  // Sends the signal `number` to the server. After SIGSTOP the server has stopped when Signal
  // returns.
  void Signal(int number) const;
  // Sends SIGKILL. The server has ended when Kill returns.
  void Kill();
  // Starts the server anew after Kill. Returns false if the server did not start.
  bool Restart();

 private:
  explicit LiveServer(std::vector<std::string> arguments);
  bool Install() const;

  const test::TemporaryFolder folder_;
  const std::vector<std::string> arguments_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_SUPPORT_LIVE_MYSQL_SERVER_H_
