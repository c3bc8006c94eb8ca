#include "scripted_backend.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "support/patience.h"

namespace postgres_proxy::test {
namespace {

bool ReadExactly(int socket, std::size_t size, std::string& out) {
  out.resize(size);
  std::size_t got = 0;
  while (got < size) {
    const ssize_t count = recv(socket, out.data() + got, size - got, 0);
    if (count <= 0) return false;
    got += static_cast<std::size_t>(count);
  }
  return true;
}

void SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string Fielded(char type, std::string_view severity, std::string_view sqlstate,
                    std::string_view text) {
  std::string body;
  for (const auto& [field, value] :
       {std::pair('S', severity), {'V', severity}, {'C', sqlstate}, {'M', text}}) {
    body.push_back(field);
    PutText(value, body);
  }
  body.push_back('\0');
  std::string out;
  PutMessage(type, body, out);
  return out;
}

std::string Parameter(std::string_view name, std::string_view value) {
  std::string body;
  PutText(name, body);
  PutText(value, body);
  std::string out;
  PutMessage(backend::kParameterStatus, body, out);
  return out;
}

std::string LoggedIn(std::uint32_t pid) {
  std::string out;
  PutMessage(backend::kAuthentication, std::string(4, '\0'), out);
  out += Parameter("client_encoding", "UTF8") + Parameter("standard_conforming_strings", "on") +
         Parameter("TimeZone", "UTC");
  std::string key;
  PutU32(pid, key);
  PutU32(4321, key);
  PutMessage(backend::kBackendKeyData, key, out);
  return out + Ready('I');
}

}  // namespace

std::string Ready(char status) {
  std::string out;
  PutReady(status, out);
  return out;
}

std::string Done(std::string_view tag, char status) {
  std::string body;
  PutText(tag, body);
  std::string out;
  PutMessage(backend::kCommandComplete, body, out);
  return out + Ready(status);
}

std::string Row(std::string_view value) {
  std::string body;
  PutU16(1, body);
  PutU32(static_cast<std::uint32_t>(value.size()), body);
  body.append(value);
  std::string out;
  PutMessage(backend::kDataRow, body, out);
  return out;
}

std::string Fields() {
  std::string body;
  PutU16(1, body);
  PutText("c", body);
  body.append(18, '\0');
  std::string out;
  PutMessage(backend::kRowDescription, body, out);
  return out;
}

std::string Error(std::string_view severity, std::string_view sqlstate, std::string_view text) {
  return Fielded(backend::kError, severity, sqlstate, text);
}

std::string Notice(std::string_view severity, std::string_view sqlstate, std::string_view text) {
  return Fielded(backend::kNotice, severity, sqlstate, text);
}

ScriptedBackend::ScriptedBackend(Script script) : script_(std::move(script)) {
  Listen();
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedBackend::~ScriptedBackend() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  CloseConnections();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

void ScriptedBackend::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener_, 16), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
}

void ScriptedBackend::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket < 0 || ended_) {
      if (socket >= 0) close(socket);
      return;
    }
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { Serve(socket); });
  }
}

void ScriptedBackend::Serve(int socket) {
  ServeSession(socket);
  const std::lock_guard lock(mutex_);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
  close(socket);
}

void ScriptedBackend::ServeSession(int socket) {
  std::string header;
  std::string rest;
  if (!ReadExactly(socket, kStartupHeader, header)) return;
  if (!ReadExactly(socket, StartupLength(header) - kStartupHeader, rest)) return;
  const Startup startup = ParseStartup(header + rest);
  std::uint32_t pid = 0;
  {
    const std::lock_guard lock(mutex_);
    if (startup.kind == Startup::Kind::kCancel) {
      cancels_.push_back(std::to_string(startup.cancel.pid) + "/" +
                         std::to_string(startup.cancel.secret));
      change_.notify_all();
      return;
    }
    startups_.push_back(rest);
    pid = static_cast<std::uint32_t>(port_ * 100 + startups_.size());
    change_.notify_all();
  }
  SendAll(socket, LoggedIn(pid));
  while (true) {
    const std::string request = ReadRequest(socket);
    if (request.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      change_.notify_all();
    }
    const Answer answer = script_(request);
    SendAll(socket, answer.bytes);
    if (answer.hang_up) {
      shutdown(socket, SHUT_WR);
      // What the proxy still sends must not make this end a reset.
      std::string byte;
      while (ReadExactly(socket, 1, byte)) {
      }
      return;
    }
  }
}

std::string ScriptedBackend::ReadRequest(int socket) {
  std::string types;
  std::string text;
  while (true) {
    std::string header;
    std::string body;
    if (!ReadExactly(socket, kHeaderSize, header)) return {};
    const std::uint32_t length = U32At(std::string_view(header).substr(1));
    if (!ReadExactly(socket, length - 4, body)) return {};
    const char type = header[0];
    if (type == frontend::kTerminate) return {};
    types.push_back(type);
    BodyReader reader(body);
    for (int i = 0; i < 2 && text.empty() && reader.ok(); ++i) text = reader.Text();
    if (std::string_view("QSFHdcf").find(type) == std::string_view::npos) continue;
    return text.empty() ? types : types + " " + text;
  }
}

void ScriptedBackend::Say(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) SendAll(socket, bytes);
}

void ScriptedBackend::CloseConnections() {
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
}

std::vector<std::string> ScriptedBackend::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int ScriptedBackend::Count(const std::string& request) {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count(requests_.begin(), requests_.end(), request));
}

void ScriptedBackend::Await(const std::string& request, int count) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(change_.wait_for(lock, failover::test::kPatience, [&] {
    return std::count(requests_.begin(), requests_.end(), request) >= count;
  })) << request;
}

std::string ScriptedBackend::AwaitLogins(int count) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(change_.wait_for(lock, failover::test::kPatience, [&] {
    return startups_.size() >= static_cast<std::size_t>(count);
  }));
  return startups_.empty() ? std::string() : startups_.back();
}

std::vector<std::string> ScriptedBackend::cancels() {
  const std::lock_guard lock(mutex_);
  return cancels_;
}

void ScriptedBackend::AwaitCancel() {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(change_.wait_for(lock, failover::test::kPatience, [&] { return !cancels_.empty(); }));
}

}  // namespace postgres_proxy::test
