#include "support/live_patroni.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "support/http_client.h"

namespace failover::test {
namespace {

// postgres refuses to run as root. Then the members run as Debian's user for servers.
constexpr char kUserOfServer[] = "postgres";
bool IsRoot() { return geteuid() == 0; }

std::vector<std::string> AsUserOfServer(const std::vector<std::string>& command) {
  std::vector<std::string> whole = {SETPRIV};
  if (IsRoot()) {
    whole.insert(whole.end(), {absl::StrCat("--reuid=", kUserOfServer),
                               absl::StrCat("--regid=", kUserOfServer), "--clear-groups"});
  }
  // Patroni ends its server when it is told to, but not when it is killed.
  whole.insert(whole.end(), {"--pdeathsig=TERM", "--"});
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

void GiveToUserOfServer(const std::string& folder) {
  if (!IsRoot()) return;
  const pid_t process = Launch({"/usr/bin/env", "chown", kUserOfServer, folder}, folder + "/log");
  int status = -1;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  EXPECT_EQ(status, 0) << "chown " << folder;
}

constexpr char kConfiguration[] = R"(
scope: batman
name: $0
etcd3: {host: "127.0.0.1:$1"}
restapi: {listen: "127.0.0.1:$2", connect_address: "127.0.0.1:$2"}
bootstrap:
  dcs: {ttl: 20, loop_wait: 1, retry_timeout: 5, synchronous_mode: $6}
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

LivePatroni::LivePatroni(const std::string& name, std::uint16_t etcd_port,
                         Replication replication) {
  std::ofstream(folder_.path() + "/patroni.yml") << Configuration(name, etcd_port, replication);
  GiveToUserOfServer(folder_.path());
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

void LivePatroni::Kill() {
  pid_t postmaster = 0;
  std::ifstream(folder_.path() + "/data/postmaster.pid") >> postmaster;
  ASSERT_GT(postmaster, 1);
  // Patroni would start the server again.
  KillAndWait(process_);
  process_ = -1;
  kill(postmaster, SIGKILL);
}

void LivePatroni::Forget() const {
  std::error_code error;
  std::filesystem::remove_all(folder_.path() + "/data", error);
  EXPECT_FALSE(error) << error.message();
}

std::string LivePatroni::Ask(const std::string& method, const std::string& path,
                             const std::string& json) const {
  return Exchange(rest_port_.port(),
                  absl::StrCat(method, " ", path, " HTTP/1.0\r\nContent-Type: application/json\r\n",
                               "Content-Length: ", json.size(), "\r\n\r\n", json));
}

std::string LivePatroni::Configuration(const std::string& name, std::uint16_t etcd_port,
                                       Replication replication) const {
  return absl::Substitute(kConfiguration, name, etcd_port, rest_port_.port(), server_port_.port(),
                          folder_.path(), POSTGRES_FOLDER,
                          replication == Replication::kSynchronous ? "true" : "false");
}

}  // namespace failover::test
