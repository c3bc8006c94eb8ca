#include "live_patroni.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "support/http_client.h"

namespace failover::test {
namespace {

// Debian's user for the servers, because postgres refuses to run as root.
const passwd* UserOfServer() { return geteuid() == 0 ? getpwnam("postgres") : nullptr; }

std::vector<std::string> AsUserOfServer(const std::vector<std::string>& command) {
  std::vector<std::string> whole;
  const passwd* const user = UserOfServer();
  if (user != nullptr) {
    whole = {SETPRIV, absl::StrCat("--reuid=", user->pw_uid),
             absl::StrCat("--regid=", user->pw_gid), "--clear-groups"};
  } else {
    whole = {SETPRIV};
  }
  // Patroni ends its server when it is told to, but not when it is killed.
  whole.insert(whole.end(), {"--pdeathsig=TERM", "--"});
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

constexpr char kConfiguration[] = R"(
scope: batman
name: $0
etcd3: {host: "127.0.0.1:$1"}
restapi: {listen: "127.0.0.1:$2", connect_address: "127.0.0.1:$2"}
bootstrap:
  dcs: {ttl: 20, loop_wait: 1, retry_timeout: 5}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, {username: postgres}]
  pg_hba: ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: "127.0.0.1:$3"
  connect_address: "127.0.0.1:$3"
  data_dir: "$4/data"
  bin_dir: "$5"
  pgpass: "$4/pgpass"
  authentication: {superuser: {username: postgres}, replication: {username: postgres}}
  parameters: {unix_socket_directories: "$4", fsync: "off"}
)";

}  // namespace

LivePatroni::LivePatroni(const std::string& name, std::uint16_t etcd_port) {
  std::ofstream(folder_.path() + "/patroni.yml") << Configuration(name, etcd_port);
  const passwd* const user = UserOfServer();
  if (user == nullptr) return;
  EXPECT_EQ(chown(folder_.path().c_str(), user->pw_uid, user->pw_gid), 0);
}

LivePatroni::~LivePatroni() {
  if (process_ <= 0) return;
  kill(process_, SIGTERM);
  int status = 0;
  if (!Await([&] { return waitpid(process_, &status, WNOHANG) != 0; })) KillAndWait(process_);
}

bool LivePatroni::Start(const std::string& path) {
  process_ =
      Launch(AsUserOfServer({PATRONI, folder_.path() + "/patroni.yml"}), folder_.path() + "/log");
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
  const bool is_right =
      Await([&] { return absl::StrContains(Exchange(rest_port_.port(), request), " 200 "); });
  if (!is_right) ADD_FAILURE() << std::ifstream(folder_.path() + "/log").rdbuf();
  return is_right;
}

std::string LivePatroni::Ask(const std::string& method, const std::string& path,
                             const std::string& json) const {
  return Exchange(rest_port_.port(),
                  absl::StrCat(method, " ", path, " HTTP/1.0\r\nContent-Type: application/json\r\n",
                               "Content-Length: ", json.size(), "\r\n\r\n", json));
}

std::string LivePatroni::Configuration(const std::string& name, std::uint16_t etcd_port) const {
  return absl::Substitute(kConfiguration, name, etcd_port, rest_port_.port(), server_port_.port(),
                          folder_.path(), POSTGRES_FOLDER);
}

}  // namespace failover::test
