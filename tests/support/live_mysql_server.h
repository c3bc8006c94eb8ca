// LiveServer starts real MariaDB servers for tests. Each server listens on loopback in a temporary
// folder of its own. The server and the folder are gone when the object is destroyed.
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
#include "reserved_port.h"

namespace failover::mysql {

// This account may do everything to the data and nothing to the server. read_only applies to it.
inline constexpr char kAppUser[] = "app";
inline constexpr char kAppPassword[] = "app-password";

// A Client is a blocking connection to a server.
class Client {
 public:
  // These functions connect by port or by Unix socket. If the connection succeeded, the number of
  // error() is 0.
  static Client ByPort(std::uint16_t port, const std::string& user, const std::string& password);
  static Client BySocket(const std::string& path, const std::string& user,
                         const std::string& password);

  // Returns the error of the last call. Its number is 0 if the call succeeded.
  const MysqlError& error() const { return error_; }
  // Runs a statement and drops its result.
  const MysqlError& Run(const std::string& statement);
  // Returns the first field of the first row, or an empty string if there is no row.
  std::string Ask(const std::string& statement);
  // Repeats the statement until its answer is `answer`. Returns false after a minute.
  bool AwaitAnswer(const std::string& statement, const std::string& answer);

  // Send and Receive are the two halves of Run, so that a test can do something else in between.
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
  // Starts a server. `arguments` are passed to mariadbd after the options that a small server of a
  // test needs. If the server cannot be started within test::kPatience, the test fails and the
  // result is nullptr.
  static std::unique_ptr<LiveServer> Start(std::vector<std::string> arguments);
  // The destructor kills the server and removes its folder.
  ~LiveServer();

  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  std::uint16_t port() const { return port_.port(); }
  std::string socket_path() const { return folder() + "/socket"; }
  const std::string& folder() const { return folder_.path(); }

  Client Root() const { return Client::BySocket(socket_path(), "root", ""); }
  Client App() const { return Client::ByPort(port(), kAppUser, kAppPassword); }
  // Runs a statement as root. If the statement fails, the test fails.
  void Run(const std::string& statement) const;

  // Sends a signal to the server. After SIGSTOP the function waits until the server has stopped.
  void Signal(int number) const;
  // Sends SIGKILL to the server, and waits until the server has ended.
  void Kill();
  // Starts the server again after Kill. Returns false if the server did not start.
  bool Restart();

 private:
  explicit LiveServer(std::vector<std::string> arguments);
  bool Install() const;

  const test::TemporaryFolder folder_;
  const test::ReservedPort port_;
  const std::vector<std::string> arguments_;
  pid_t process_ = -1;
};

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_SUPPORT_LIVE_MYSQL_SERVER_H_
