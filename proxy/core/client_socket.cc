#include "proxy/core/client_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <utility>

namespace proxy {
namespace {

// A client that takes nothing of a reply for a minute counts as gone. Databases wait as long by
// default.
constexpr int kWriteTimeoutMilliseconds = 60'000;

void SetOptions(Socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.non_blocking(true, ignored);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kWriteTimeoutMilliseconds,
             sizeof kWriteTimeoutMilliseconds);
}

}  // namespace

ClientSocket::ClientSocket(Socket socket) : socket_(std::move(socket)) { SetOptions(socket_); }

Task<bool> ClientSocket::Receive() {
  std::error_code error;
  const std::size_t count = co_await socket_.async_read_some(asio::buffer(buffer_), ErrorTo(error));
  input_ = std::string_view(buffer_.data(), error ? 0 : count);
  co_return !error;
}

Task<bool> ClientSocket::Write(std::string_view bytes) {
  std::error_code error;
  co_await asio::async_write(socket_, asio::buffer(bytes), ErrorTo(error));
  co_return !error;
}

void ClientSocket::Watch(std::function<void()> gone) {
  gone_ = std::move(gone);
  AwaitInput();
}

void ClientSocket::AwaitInput() {
  socket_.async_wait(Socket::wait_read, [this, self = shared_from_this()](std::error_code error) {
    if (error == asio::error::operation_aborted || !gone_) return;
    if (!error && TakeInput()) {
      if (input_.size() < buffer_.size()) AwaitInput();
      return;
    }
    std::exchange(gone_, nullptr)();
  });
}

// Reads behind the input that is there already. False: the client has closed the connection.
bool ClientSocket::TakeInput() {
  std::copy(input_.begin(), input_.end(), buffer_.begin());
  std::error_code error;
  const std::size_t count = socket_.read_some(asio::buffer(buffer_) + input_.size(), error);
  input_ = std::string_view(buffer_.data(), input_.size() + count);
  return !error || error == asio::error::would_block;
}

void ClientSocket::StopWatching() {
  gone_ = nullptr;
  std::error_code ignored;
  socket_.cancel(ignored);
}

void ClientSocket::Close() {
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace proxy
