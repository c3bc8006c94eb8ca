#include "proxy/mysql/session/client_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <utility>

namespace mysql_proxy {
namespace {

// A client that takes nothing of a reply for so long is gone, as it would be for a server
// (net_write_timeout).
constexpr int kWriteTimeoutMilliseconds = 60'000;

// More than any login has: names, an answer to the scramble, connection attributes.
constexpr std::size_t kMaxLoginPacket = 64 * 1024;

void SetOptions(Socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.non_blocking(true, ignored);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kWriteTimeoutMilliseconds,
             sizeof kWriteTimeoutMilliseconds);
}

}  // namespace

ClientConnection::ClientConnection(Socket socket)
    : socket_(std::move(socket)), assembler_(kMaxLoginPacket) {
  SetOptions(socket_);
}

Task<ClientConnection::ReadEnd> ClientConnection::Read(std::uint8_t sequence) {
  assembler_.Start(sequence);
  while (true) {
    switch (assembler_.Feed(input_)) {
      case PacketAssembler::State::kComplete:
        co_return ReadEnd::kPacket;
      case PacketAssembler::State::kTooLarge:
        co_return ReadEnd::kTooLarge;
      case PacketAssembler::State::kOutOfOrder:
        co_return ReadEnd::kOutOfOrder;
      case PacketAssembler::State::kNeedsMore:
        break;
    }
    std::error_code error;
    const std::size_t count =
        co_await socket_.async_read_some(asio::buffer(buffer_), ErrorTo(error));
    if (error) co_return ReadEnd::kClosed;
    input_ = std::string_view(buffer_.data(), count);
  }
}

Task<bool> ClientConnection::Write(std::string_view bytes) {
  std::error_code error;
  co_await asio::async_write(socket_, asio::buffer(bytes), ErrorTo(error));
  co_return !error;
}

void ClientConnection::Watch(std::function<void()> gone) {
  gone_ = std::move(gone);
  AwaitInput();
}

void ClientConnection::AwaitInput() {
  socket_.async_wait(Socket::wait_read, [this, self = shared_from_this()](std::error_code error) {
    if (error == asio::error::operation_aborted || !gone_) return;
    if (!error && TakeInput()) {
      if (input_.size() < buffer_.size()) AwaitInput();
      return;
    }
    std::exchange(gone_, nullptr)();
  });
}

bool ClientConnection::TakeInput() {
  std::copy(input_.begin(), input_.end(), buffer_.begin());  // to the front
  std::error_code error;
  const std::size_t count = socket_.read_some(asio::buffer(buffer_) + input_.size(), error);
  input_ = std::string_view(buffer_.data(), input_.size() + count);
  return !error || error == asio::error::would_block;
}

void ClientConnection::StopWatching() {
  gone_ = nullptr;
  std::error_code ignored;
  socket_.cancel(ignored);
}

void ClientConnection::Close() {
  std::error_code ignored;
  socket_.close(ignored);
}

std::string ClientConnection::peer() const {
  std::error_code error;
  const asio::ip::tcp::endpoint endpoint = socket_.remote_endpoint(error);
  return error ? "" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace mysql_proxy
