#include "live_mysql_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <utility>

namespace failover::mysql {
namespace {

// The time limit of a client: a client that hangs must fail its test instead of waiting for ever.
constexpr unsigned int kClientSeconds = 30;

// A port that is free at the moment.
std::uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(fd, generic, size), 0);
  EXPECT_EQ(getsockname(fd, generic, &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// mariadbd refuses to run as root unless an argument allows it.
pid_t LaunchServer(std::vector<std::string> command, const std::string& log) {
  if (geteuid() == 0) command.emplace_back("--user=root");
  return test::Launch(std::move(command), log);
}

}  // namespace

Client Client::ByPort(std::uint16_t port, const std::string& user, const std::string& password) {
  return {"127.0.0.1", port, nullptr, user, password};
}

Client Client::BySocket(const std::string& path, const std::string& user,
                        const std::string& password) {
  return {nullptr, 0, path.c_str(), user, password};
}

Client::Client(const char* host, std::uint16_t port, const char* socket_path,
               const std::string& user, const std::string& password)
    : handle_(mysql_init(nullptr)) {
  mysql_options(handle(), MYSQL_OPT_CONNECT_TIMEOUT, &kClientSeconds);
  mysql_options(handle(), MYSQL_OPT_READ_TIMEOUT, &kClientSeconds);
  mysql_real_connect(handle(), host, user.c_str(), password.c_str(), nullptr, port, socket_path,
                     CLIENT_MULTI_RESULTS);
  KeepError();
}

void Client::KeepError() {
  error_ = {mysql_errno(handle()), mysql_sqlstate(handle()), mysql_error(handle())};
}

const MysqlError& Client::Run(const std::string& statement) {
  Ask(statement);
  return error_;
}

std::string Client::Ask(const std::string& statement) {
  std::string field;
  int more = mysql_real_query(handle(), statement.data(), statement.size());
  while (more == 0) {
    MYSQL_RES* const rows = mysql_store_result(handle());
    if (rows != nullptr) {
      const MYSQL_ROW row = mysql_fetch_row(rows);
      if (row != nullptr && row[0] != nullptr) field = row[0];
      mysql_free_result(rows);
    }
    more = mysql_next_result(handle());
  }
  KeepError();
  return field;
}

bool Client::AwaitAnswer(const std::string& statement, const std::string& answer) {
  return test::Await([&] { return Ask(statement) == answer; });
}

void Client::Send(const std::string& statement) {
  EXPECT_EQ(mysql_send_query(handle(), statement.data(), statement.size()), 0);
}

const MysqlError& Client::Receive() {
  if (mysql_read_query_result(handle()) == 0) mysql_free_result(mysql_store_result(handle()));
  KeepError();
  return error_;
}

LiveServer::LiveServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}

std::unique_ptr<LiveServer> LiveServer::Start(std::vector<std::string> arguments) {
  std::unique_ptr<LiveServer> server(new LiveServer(std::move(arguments)));
  if (!server->Install() || !server->Restart()) {
    std::ifstream log(server->folder() + "/log");
    ADD_FAILURE() << "mariadbd did not start:\n" << log.rdbuf();
    return nullptr;
  }
  // Run executes these as root, because read_only does not apply to root.
  for (const char* statement :
       {"CREATE USER app@'%' IDENTIFIED BY 'app-password'",
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, EXECUTE ON *.* TO app@'%'",
        "CREATE DATABASE d", "CREATE TABLE d.t (i INT PRIMARY KEY) ENGINE=InnoDB"}) {
    server->Run(statement);
  }
  return server;
}

LiveServer::~LiveServer() { Kill(); }

// The server gets a temporary folder of its own, because a server deletes the temporary files of
// other servers that it finds there.
bool LiveServer::Install() const {
  const pid_t process =
      LaunchServer({MARIADB_INSTALL_DB, "--no-defaults", "--tmpdir=" + folder(),
                    "--datadir=" + folder() + "/data", "--skip-test-db",
                    "--auth-root-authentication-method=normal", "--innodb-log-file-size=4M"},
                   folder() + "/log");
  int status = -1;
  return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

bool LiveServer::Restart() {
  if (port_ == 0) port_ = FreePort();
  std::vector<std::string> command = {
      MARIADBD,
      "--no-defaults",
      "--datadir=" + folder() + "/data",
      "--tmpdir=" + folder(),
      "--socket=" + socket_path(),
      "--port=" + std::to_string(port_),
      "--bind-address=127.0.0.1",
      "--skip-name-resolve",
      "--innodb-log-file-size=4M",
      "--innodb-buffer-pool-size=16M",
      "--innodb-flush-log-at-trx-commit=0",
  };
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  process_ = LaunchServer(command, folder() + "/log");
  if (process_ <= 0) return false;
  bool answers = false;
  test::Await([&] {
    answers = Root().error().number == 0;
    if (waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;
    return answers || process_ < 0;
  });
  return answers;
}

void LiveServer::Run(const std::string& statement) const {
  constexpr unsigned kTooManyConnections = 1040;
  MysqlError error;
  test::Await([&] {
    Client root = Root();
    error = root.error();
    // Connections that were closed a moment ago may still count.
    if (error.number == kTooManyConnections) return false;
    if (error.number == 0) error = root.Run(statement);
    return true;
  });
  EXPECT_EQ(error.number, 0u) << statement << ": " << error.text;
}

void LiveServer::Signal(int number) const {
  if (process_ <= 0) return;
  kill(process_, number);
  if (number == SIGSTOP) waitpid(process_, nullptr, WUNTRACED);
}

void LiveServer::Kill() {
  if (process_ <= 0) return;
  test::KillAndWait(process_);
  process_ = -1;
}

}  // namespace failover::mysql
