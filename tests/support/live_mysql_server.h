// Real MariaDB servers for tests: each in a temporary folder of its own, on loopback, and gone with
// its object.
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

// Those of the account that may do everything to data and nothing to the server; read_only binds
// it.
inline constexpr char kAppUser[] = "app";
inline constexpr char kAppPassword[] = "app-password";

// A blocking connection, as a client has one.
class Client {
 public:
  // By socket if `socket_path` is not empty. The error is 0 if it is connected.
  static Client ByPort(std::uint16_t port, const std::string& user, const std::string& password);
  static Client BySocket(const std::string& path, const std::string& user,
                         const std::string& password);

  // What the last call ended with; the number is 0 if it was fine.
  const MysqlError& error() const { return error_; }
  // Runs a statement and drops its result.
  const MysqlError& Run(const std::string& statement);
  // The first field of its first row; empty if there is none.
  std::string Ask(const std::string& statement);
  // Until it is `answer`; false after a generous while.
  bool AwaitAnswer(const std::string& statement, const std::string& answer);

  // In two parts, to run something else meanwhile.
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

class LiveServer {
 public:
  // `arguments` for mariadbd, on top of what a small server of its own needs. A failure of the test
  // and nullptr if it cannot be started within test::kPatience.
  static std::unique_ptr<LiveServer> Start(std::vector<std::string> arguments);
  // Kills it and removes its folder.
  ~LiveServer();

  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  std::uint16_t port() const { return port_.port(); }
  std::string socket_path() const { return folder() + "/socket"; }
  const std::string& folder() const { return folder_.path(); }

  Client Root() const { return Client::BySocket(socket_path(), "root", ""); }
  Client App() const { return Client::ByPort(port(), kAppUser, kAppPassword); }
  // As root; a failure of the test if it fails.
  void Run(const std::string& statement) const;

  // After SIGSTOP it has stopped when this returns.
  void Signal(int number) const;
  // kill -9; it has ended when this returns.
  void Kill();
  // After Kill. False: it did not start.
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
