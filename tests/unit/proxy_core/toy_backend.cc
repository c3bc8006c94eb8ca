#include "toy_backend.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

namespace proxy::test {

std::string LineReader::Next() {
  std::size_t end;
  while ((end = input_.find('\n')) == std::string::npos) {
    char bytes[1024];
    const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return {};
    input_.append(bytes, static_cast<std::size_t>(count));
  }
  std::string line = input_.substr(0, end);
  input_.erase(0, end + 1);
  return line;
}

ToyBackend::ToyBackend(std::string name) : name_(std::move(name)) {
  Listen();
  acceptor_ = std::thread([this] { Accept(); });
}

ToyBackend::~ToyBackend() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  change_.notify_all();
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  CloseConnections();
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) close(socket);
  close(listener_);
}

void ToyBackend::Listen() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
  listen(listener_, SOMAXCONN);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
}

void ToyBackend::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { Serve(socket); });
  }
}

void ToyBackend::Serve(int socket) {
  LineReader lines(socket);
  for (std::string statement = lines.Next(); !statement.empty(); statement = lines.Next()) {
    const std::string answer = Answer(statement);
    send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

std::string ToyBackend::Answer(const std::string& statement) {
  std::unique_lock lock(mutex_);
  ++statements_;
  change_.notify_all();
  if (!writable_) return "read-only\n";
  if (statement == "hang") change_.wait(lock, [this] { return released_ || ended_; });
  return name_ + ": " + statement + "\n";
}

void ToyBackend::SetWritable(bool writable) {
  const std::lock_guard lock(mutex_);
  writable_ = writable;
}

void ToyBackend::Release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  change_.notify_all();
}

void ToyBackend::CloseConnections() {
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
}

void ToyBackend::AwaitStatements(int count) {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [this, count] { return statements_ >= count; });
}

int ToyBackend::statements() {
  const std::lock_guard lock(mutex_);
  return statements_;
}

int ToyBackend::connections() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(sockets_.size());
}

}  // namespace proxy::test
