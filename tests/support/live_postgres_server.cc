#include "live_postgres_server.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

namespace failover::postgres {
namespace {

// Debian's user for the servers; nullptr if the test is not root, or there is no such user.
const passwd* UserOfServer() { return geteuid() == 0 ? getpwnam("postgres") : nullptr; }

// The user of the server may be unable to read the folder that the test runs in, so the command
// runs elsewhere. A change of the user makes the kernel forget that a process is to end with its
// parent, so setpriv says that again.
std::vector<std::string> AsUserOfServer(const std::string& language,
                                        const std::vector<std::string>& command) {
  std::vector<std::string> whole = {"/usr/bin/env", "--chdir=/", "LANGUAGE=" + language};
  const passwd* const user = UserOfServer();
  if (user != nullptr) {
    const std::vector<std::string> as_user = {SETPRIV,
                                              "--reuid=" + std::to_string(user->pw_uid),
                                              "--regid=" + std::to_string(user->pw_gid),
                                              "--clear-groups",
                                              "--pdeathsig=KILL",
                                              "--"};
    whole.insert(whole.end(), as_user.begin(), as_user.end());
  }
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

void GiveToUserOfServer(const std::string& path) {
  const passwd* const user = UserOfServer();
  if (user == nullptr) return;
  EXPECT_EQ(chown(path.c_str(), user->pw_uid, user->pw_gid), 0) << path;
}

bool Succeeds(std::vector<std::string> command, const std::string& log) {
  const pid_t process = test::Launch(std::move(command), log);
  int status = -1;
  return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

// An empty cluster. initdb takes a second, so all servers of a program start with a copy of one.
class Cluster {
 public:
  Cluster() {
    GiveToUserOfServer(folder_.path());
    made_ = Succeeds(
        AsUserOfServer("en", {INITDB, "--pgdata=" + path(), "--auth=trust", "--username=postgres",
                              "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"}),
        folder_.path() + "/log");
    if (!made_)
      ADD_FAILURE() << "initdb failed:\n" << std::ifstream(folder_.path() + "/log").rdbuf();
  }

  bool made() const { return made_; }
  std::string path() const { return folder_.path() + "/data"; }

 private:
  const test::TemporaryFolder folder_;
  bool made_ = false;
};

int SignalOf(Shutdown shutdown) {
  switch (shutdown) {
    case Shutdown::kSmart:
      return SIGTERM;
    case Shutdown::kFast:
      return SIGINT;
    case Shutdown::kImmediate:
      return SIGQUIT;
  }
  return SIGQUIT;
}

}  // namespace

std::unique_ptr<LiveServer> LiveServer::Start(std::vector<std::string> settings) {
  std::unique_ptr<LiveServer> server(new LiveServer);
  const bool started = server->Install() && server->LaunchAndAwaitLogin(settings);
  return started ? std::move(server) : nullptr;
}

std::unique_ptr<LiveServer> LiveServer::StartReplicaOf(const LiveServer& primary,
                                                       std::vector<std::string> settings) {
  std::unique_ptr<LiveServer> server(new LiveServer);
  GiveToUserOfServer(server->folder_.path());
  const bool started = server->CopyFrom(primary) && server->LaunchAndAwaitLogin(settings);
  return started ? std::move(server) : nullptr;
}

std::unique_ptr<LiveServer> LiveServer::StartStandby(std::vector<std::string> settings) {
  std::unique_ptr<LiveServer> server = Start();
  if (server == nullptr) return nullptr;
  server->Run(
      "CREATE TABLE t (i int PRIMARY KEY); CREATE SEQUENCE s; CREATE MATERIALIZED VIEW m "
      "AS SELECT 1");
  server->Order(Shutdown::kFast);
  server->AwaitEnd();
  server->BecomeStandby();
  return server->LaunchAndAwaitLogin(settings) ? std::move(server) : nullptr;
}

LiveServer::~LiveServer() {
  if (process_ <= 0) return;
  SignalAll(SIGCONT);
  Order(Shutdown::kImmediate);
  AwaitEnd();
}

std::string LiveServer::socket_path() const {
  return folder_.path() + "/.s.PGSQL." + std::to_string(port());
}

void LiveServer::WriteDataFile(const std::string& name, const std::string& text) const {
  const std::string path = data() + "/" + name;
  std::ofstream(path, std::ios::trunc) << text;
  EXPECT_EQ(chmod(path.c_str(), S_IRUSR | S_IWUSR), 0) << path;
  GiveToUserOfServer(path);
}

bool LiveServer::CopyFrom(const LiveServer& primary) const {
  std::error_code error;
  std::filesystem::remove_all(data(), error);
  const std::string log = folder_.path() + "/log";
  const bool copied = Succeeds(
      AsUserOfServer("en", {PG_BASEBACKUP, "--pgdata=" + data(), "--host=127.0.0.1",
                            "--port=" + std::to_string(primary.port()), "--username=postgres",
                            "--checkpoint=fast", "--no-sync", "--write-recovery-conf"}),
      log);
  if (!copied) ADD_FAILURE() << "pg_basebackup failed:\n" << std::ifstream(log).rdbuf();
  return copied;
}

bool LiveServer::LaunchAndAwaitLogin(const std::vector<std::string>& settings) {
  if (Launch(settings) && AwaitLogin()) return true;
  std::ifstream log(folder_.path() + "/log");
  ADD_FAILURE() << "postgres did not start:\n" << log.rdbuf();
  return false;
}

bool LiveServer::Install() const {
  static const Cluster cluster;
  GiveToUserOfServer(folder_.path());
  return cluster.made() &&
         Succeeds({"/usr/bin/env", "cp", "--archive", cluster.path(), folder_.path() + "/data"},
                  folder_.path() + "/log");
}

bool LiveServer::Launch(const std::vector<std::string>& settings, const std::string& language) {
  std::vector<std::string> command = {POSTGRES, "-D", folder_.path() + "/data", "-p",
                                      std::to_string(port())};
  // The messages of the locale C are never translated, whatever LANGUAGE says.
  std::vector<std::string> all = {"listen_addresses=127.0.0.1",
                                  "unix_socket_directories=" + folder_.path(), "fsync=off",
                                  "shared_buffers=2MB", "lc_messages=C.UTF-8"};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const std::string& setting : all) {
    command.emplace_back("-c");
    command.push_back(setting);
  }
  process_ = test::Launch(AsUserOfServer(language, command), folder_.path() + "/log");
  return process_ > 0;
}

bool LiveServer::AwaitLogin() {
  bool accepted = false;
  test::Await([&] {
    accepted = WireClient(port()).login().succeeded();
    if (waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;
    return accepted || process_ < 0;
  });
  return accepted;
}

void LiveServer::Run(const std::string& statements) const {
  WireClient client(port());
  const Reply reply = client.Run(statements);
  EXPECT_TRUE(reply.succeeded()) << statements << ": " << reply.Error().text;
}

bool LiveServer::AwaitWait(int pid, const std::string& event) const {
  WireClient client(port());
  return client.AwaitField(
      "SELECT wait_event FROM pg_stat_activity WHERE pid = " + std::to_string(pid), event);
}

void LiveServer::Order(Shutdown shutdown) const { Signal(SignalOf(shutdown)); }

void LiveServer::Signal(int number) const {
  if (process_ > 0) kill(process_, number);
}

void LiveServer::SignalAll(int number) const {
  if (process_ <= 0) return;
  const std::string process = std::to_string(process_);
  std::ifstream children("/proc/" + process + "/task/" + process + "/children");
  Signal(number);
  for (pid_t child = 0; children >> child;) SignalProcess(child, number);
}

void LiveServer::SignalProcess(int pid, int number) {
  if (pid > 0) kill(pid, number);
}

void LiveServer::AwaitEnd() {
  if (process_ <= 0) return;
  if (!test::Await([&] { return waitpid(process_, nullptr, WNOHANG) == process_; })) {
    ADD_FAILURE() << "the server does not end";
    test::KillAndWait(process_);
  }
  process_ = -1;
}

void LiveServer::BecomeStandby() const { WriteDataFile("standby.signal", ""); }

}  // namespace failover::postgres
