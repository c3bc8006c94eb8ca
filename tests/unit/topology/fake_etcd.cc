#include "unit/topology/fake_etcd.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "support/patience.h"

namespace failover::test {
namespace {

using Json = nlohmann::json;
using Lock = std::lock_guard<std::mutex>;

Json KeyOf(const std::string& key, const std::string& value, std::int64_t create,
           std::int64_t mod) {
  Json json;
  json["key"] = absl::Base64Escape(key);
  json["mod_revision"] = absl::StrCat(mod);
  if (create > 0) json["create_revision"] = absl::StrCat(create);
  if (!value.empty()) json["value"] = absl::Base64Escape(value);
  return json;
}

// The value of a header line, "" if there is none.
std::string HeaderOf(const std::string& head, const std::string& name) {
  const std::size_t begin = head.find("\r\n" + name + ": ");
  if (begin == std::string::npos) return "";
  const std::size_t value = begin + name.size() + 4;
  return head.substr(value, head.find("\r\n", value) - value);
}

}  // namespace

struct FakeEtcd::Connection {
  explicit Connection(int its_socket) : socket(its_socket) {}
  ~Connection() { close(socket); }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int socket;
  std::string received;
  bool watches = false;
  std::int64_t next = 0;  // the first revision that the watch has not heard of
  bool gone = false;
};

FakeEtcd::FakeEtcd() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_, generic, size), 0);
  EXPECT_EQ(listen(listener_, 64), 0);
  EXPECT_EQ(getsockname(listener_, generic, &size), 0);
  port_ = ntohs(address.sin_port);
  wake_up_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

FakeEtcd::~FakeEtcd() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  WakeUp();
  thread_.join();
  close(listener_);
  close(wake_up_);
}

std::string FakeEtcd::url() const { return absl::StrCat("http://127.0.0.1:", port_); }

std::int64_t FakeEtcd::Put(const std::string& key, const std::string& value) {
  const Lock lock(mutex_);
  ++revision_;
  const auto known = store_.find(key);
  const std::int64_t create = known == store_.end() ? revision_ : known->second.create_revision;
  store_[key] = {value, create, revision_};
  events_.push_back({"PUT", key, value, create, revision_});
  FeedWatches();
  return revision_;
}

std::int64_t FakeEtcd::Delete(const std::string& key) {
  const Lock lock(mutex_);
  if (store_.erase(key) == 0) return revision_;
  ++revision_;
  events_.push_back({"DELETE", key, "", 0, revision_});
  FeedWatches();
  return revision_;
}

void FakeEtcd::MuteWatches(bool mute) {
  const Lock lock(mutex_);
  mute_ = mute;
  FeedWatches();
}

void FakeEtcd::Compact() {
  const Lock lock(mutex_);
  compacted_ = revision_;
  FeedWatches();
}

void FakeEtcd::Rebuild(std::uint64_t cluster_id, std::int64_t revision) {
  const Lock lock(mutex_);
  cluster_id_ = cluster_id;
  revision_ = revision - 1;
  compacted_ = 0;
  store_.clear();
  events_.clear();
  for (const auto& connection : connections_) connection->gone = true;
  WakeUp();
}

void FakeEtcd::AskForLogin(const std::string& user, const std::string& password) {
  const Lock lock(mutex_);
  user_ = user;
  password_ = password;
  ++tokens_;
}

void FakeEtcd::ForgetTokens() {
  const Lock lock(mutex_);
  ++tokens_;
}

void FakeEtcd::SetPieces(std::size_t bytes) {
  const Lock lock(mutex_);
  piece_ = bytes;
}

void FakeEtcd::SetSilent(const std::string& path, bool silent) {
  const Lock lock(mutex_);
  silent_[path] = silent;
}

void FakeEtcd::SetRawAnswer(const std::string& path, const std::string& answer) {
  const Lock lock(mutex_);
  raw_answers_[path] = answer;
}

void FakeEtcd::CloseConnections() {
  const Lock lock(mutex_);
  for (const auto& connection : connections_) connection->gone = true;
  WakeUp();
}

void FakeEtcd::TellWatches(const std::string& line) {
  const Lock lock(mutex_);
  for (const auto& connection : connections_) {
    if (connection->watches) SendChunk(*connection, line);
  }
}

int FakeEtcd::CountOf(const std::string& path) const {
  const Lock lock(mutex_);
  const auto found = counts_.find(path);
  return found == counts_.end() ? 0 : found->second;
}

bool FakeEtcd::AwaitCount(const std::string& path, int count) const {
  std::unique_lock<std::mutex> lock(mutex_);
  return counted_.wait_for(lock, kPatience, [&] {
    const auto found = counts_.find(path);
    return found != counts_.end() && found->second >= count;
  });
}

std::string FakeEtcd::LastBody(const std::string& path) const {
  const Lock lock(mutex_);
  const auto found = bodies_.find(path);
  return found == bodies_.end() ? "" : found->second;
}

// ---- The thread ---------------------------------------------------------------------------------

void FakeEtcd::Run() {
  std::vector<pollfd> events;
  while (true) {
    events = {{listener_, POLLIN, 0}, {wake_up_, POLLIN, 0}};
    std::vector<Connection*> polled;
    {
      const Lock lock(mutex_);
      if (stopping_) break;
      connections_.erase(std::remove_if(connections_.begin(), connections_.end(),
                                        [](const auto& one) { return one->gone; }),
                         connections_.end());
      for (const auto& connection : connections_) {
        events.push_back({connection->socket, POLLIN, 0});
        polled.push_back(connection.get());
      }
    }
    static_cast<void>(poll(events.data(), events.size(), -1));
    eventfd_t unused = 0;
    if (events[1].revents != 0) static_cast<void>(eventfd_read(wake_up_, &unused));
    const Lock lock(mutex_);
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (events[i + 2].revents != 0 && !polled[i]->gone) Read(*polled[i]);
    }
    if (events[0].revents != 0) Accept();
  }
  const Lock lock(mutex_);
  connections_.clear();
}

void FakeEtcd::Accept() {
  const int accepted = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (accepted < 0) return;
  const int yes = 1;
  setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  connections_.push_back(std::make_unique<Connection>(accepted));
}

void FakeEtcd::Read(Connection& connection) {
  std::array<char, 4096> piece = {};
  const ssize_t size = recv(connection.socket, piece.data(), piece.size(), MSG_DONTWAIT);
  if (size <= 0) {
    connection.gone = true;
    return;
  }
  connection.received.append(piece.data(), static_cast<std::size_t>(size));
  const std::size_t end = connection.received.find("\r\n\r\n");
  if (end == std::string::npos) return;
  const std::string head = connection.received.substr(0, end + 2);
  const std::size_t length = std::stoul(HeaderOf(head, "Content-Length"));
  if (connection.received.size() < end + 4 + length) return;
  const std::string body = connection.received.substr(end + 4, length);
  connection.received.erase(0, end + 4 + length);
  const std::string path = head.substr(9, head.find(' ', 9) - 9);  // behind "POST /v3/"
  ++counts_[path];
  bodies_[path] = body;
  counted_.notify_all();
  if (silent_[path]) return;
  if (!raw_answers_[path].empty()) {
    Send(connection, raw_answers_[path]);
    connection.gone = true;
    return;
  }
  const bool logged_in =
      user_.empty() || HeaderOf(head, "Authorization") == absl::StrCat("token", tokens_);
  if (path != "auth/authenticate" && !logged_in) {
    SendReply(connection, 401,
              R"({"error":"etcdserver: invalid auth token","code":16,"message":)"
              R"("etcdserver: invalid auth token"})");
    return;
  }
  Answer(connection, path, body);
}

// ---- Answers ------------------------------------------------------------------------------------

void FakeEtcd::Answer(Connection& connection, const std::string& path, const std::string& body) {
  if (path == "kv/range") {
    AnswerRange(connection);
  } else if (path == "watch") {
    BeginWatch(connection, body);
  } else if (path == "auth/authenticate") {
    AnswerLogin(connection, body);
  } else {
    SendReply(connection, 404, "Not Found\n");
  }
}

std::string FakeEtcd::Header() const {
  return absl::StrCat(R"("header":{"cluster_id":")", cluster_id_,
                      R"(","member_id":"1","revision":")", revision_, R"(","raft_term":"2"})");
}

void FakeEtcd::AnswerRange(Connection& connection) {
  Json keys = Json::array();
  for (const auto& [key, stored] : store_) {
    keys.push_back(KeyOf(key, stored.value, stored.create_revision, stored.mod_revision));
  }
  SendReply(connection, 200, absl::StrCat("{", Header(), R"(,"kvs":)", keys.dump(), "}"));
}

void FakeEtcd::AnswerLogin(Connection& connection, const std::string& body) {
  const Json request = Json::parse(body);
  if (request["name"] != user_ || request["password"] != password_) {
    SendReply(connection, 400,
              R"({"error":"etcdserver: authentication failed, invalid user ID or password",)"
              R"("code":3,"message":"etcdserver: authentication failed, invalid user ID or )"
              R"(password"})");
    return;
  }
  SendReply(connection, 200, absl::StrCat("{", Header(), R"(,"token":"token)", tokens_, "\"}"));
}

void FakeEtcd::BeginWatch(Connection& connection, const std::string& body) {
  const Json request = Json::parse(body);
  connection.next = std::stoll(request["create_request"]["start_revision"].get<std::string>());
  connection.watches = true;
  Send(connection,
       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  SendChunk(connection, absl::StrCat(R"({"result":{)", Header(), R"(,"created":true}})"));
  FeedWatch(connection);
}

void FakeEtcd::FeedWatch(Connection& connection) {
  if (mute_) return;
  if (connection.next < compacted_) {
    SendChunk(connection,
              absl::StrCat(R"({"result":{)", Header(), R"(,"canceled":true,"compact_revision":")",
                           compacted_, "\"}}"));
    connection.next = revision_ + 1;
    return;
  }
  Json told = Json::array();
  for (const Event& event : events_) {
    if (event.revision < connection.next) continue;
    Json json;
    if (event.type == "DELETE") json["type"] = event.type;
    json["kv"] = KeyOf(event.key, event.value, event.create_revision, event.revision);
    told.push_back(json);
  }
  connection.next = std::max(connection.next, revision_ + 1);
  if (told.empty()) return;
  SendChunk(connection,
            absl::StrCat(R"({"result":{)", Header(), R"(,"events":)", told.dump(), "}}"));
}

void FakeEtcd::FeedWatches() {
  for (const auto& connection : connections_) {
    if (connection->watches && !connection->gone) FeedWatch(*connection);
  }
}

// ---- Bytes --------------------------------------------------------------------------------------

void FakeEtcd::Send(Connection& connection, const std::string& bytes) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += piece_) {
    const std::size_t size = std::min(piece_, bytes.size() - begin);
    if (send(connection.socket, bytes.data() + begin, size, MSG_NOSIGNAL) < 0) {
      connection.gone = true;
      return;
    }
  }
}

void FakeEtcd::SendChunk(Connection& connection, const std::string& line) {
  const std::string bytes = line + "\n";
  for (std::size_t begin = 0; begin < bytes.size(); begin += piece_) {
    const std::string chunk = bytes.substr(begin, piece_);
    Send(connection, absl::StrFormat("%x\r\n%s\r\n", chunk.size(), chunk));
  }
}

void FakeEtcd::SendReply(Connection& connection, int code, const std::string& body) {
  Send(connection, absl::StrCat("HTTP/1.1 ", code, " Status\r\nContent-Type: application/json\r\n",
                                "Content-Length: ", body.size(), "\r\n\r\n", body));
}

void FakeEtcd::WakeUp() const { static_cast<void>(eventfd_write(wake_up_, 1)); }

}  // namespace failover::test
