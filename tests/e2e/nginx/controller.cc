#include "controller.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "support/patience.h"

namespace nginx {
namespace {

// Other processes tell nobody when they have changed, so they are asked again and again.
constexpr std::chrono::milliseconds kInterval(20);

std::string StateOf(const failover::mysql::LiveServer& server) {
  failover::mysql::Client client = server.Root();
  if (client.error().number != 0) return "down";
  const std::string read_only = client.Ask("SELECT @@GLOBAL.read_only");
  if (client.error().number != 0) return "down";
  return read_only == "0" ? "writable" : "readonly";
}

}  // namespace

ControlConnection::ControlConnection(const std::string& path)
    : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {failover::test::kPatience.count(), 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  // If the worker is gone, the first question has no answer.
  static_cast<void>(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

ControlConnection::~ControlConnection() { close(socket_); }

std::string ControlConnection::Ask(const std::string& line) {
  const std::string text = line + "\n";
  if (send(socket_, text.data(), text.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  char byte;
  while (recv(socket_, &byte, 1, 0) == 1) {
    if (byte == '\n') return answer;
    answer += byte;
  }
  return {};
}

std::vector<std::string> ControlSockets(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string()[0] != '.') paths.push_back(entry.path().string());
  }
  return paths;
}

void FindWorkers(const std::string& folder, ControlConnections* connections) {
  const std::vector<std::string> paths = ControlSockets(folder);
  for (auto known = connections->begin(); known != connections->end();) {
    const bool there = std::find(paths.begin(), paths.end(), known->first) != paths.end();
    known = there ? std::next(known) : connections->erase(known);
  }
  for (const std::string& path : paths) {
    auto& connection = (*connections)[path];
    if (connection == nullptr) connection = std::make_unique<ControlConnection>(path);
  }
}

int SumOfStates(const std::string& folder, const std::string& name) {
  int sum = 0;
  for (const std::string& path : ControlSockets(folder)) {
    const std::string answer = ControlConnection(path).Ask("state shop");
    const std::size_t at = answer.find(" " + name + "=");
    if (at != std::string::npos) sum += std::atoi(answer.c_str() + at + name.size() + 2);
  }
  return sum;
}

HealthCheck::HealthCheck(std::string folder,
                         std::vector<const failover::mysql::LiveServer*> servers)
    : folder_(std::move(folder)), servers_(std::move(servers)), thread_([this] { Run(); }) {}

HealthCheck::~HealthCheck() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

bool HealthCheck::AwaitRound() {
  std::unique_lock<std::mutex> lock(mutex_);
  return !stopped_.wait_for(lock, kInterval, [this] { return stop_; });
}

void HealthCheck::Run() {
  ControlConnections workers;
  do {
    FindWorkers(folder_, &workers);
    for (const auto* server : servers_) {
      const std::string report =
          "report shop 127.0.0.1:" + std::to_string(server->port()) + " " + StateOf(*server);
      for (auto& [path, worker] : workers) static_cast<void>(worker->Ask(report));
    }
  } while (AwaitRound());
}

}  // namespace nginx
