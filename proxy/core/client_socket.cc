#include "proxy/core/client_socket.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <utility>

namespace proxy {
namespace {

// A client that takes nothing of a reply for a minute counts as gone. Databases wait as long by
// default.
constexpr int kWriteTimeoutMilliseconds = 60'000;

// The buffer for input, in bytes.
constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kBuffer = 16384;

void SetOptions(Socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.non_blocking(true, ignored);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kWriteTimeoutMilliseconds,
             sizeof kWriteTimeoutMilliseconds);
}

}  // namespace

ClientSocket::ClientSocket(Socket socket) : stream_(std::move(socket)), buffer_(kFirstBuffer) {
  SetOptions(stream_.socket());
}

void ClientSocket::Expand() {
  buffer_ = std::vector<char>(kBuffer);
  input_ = {};
}

Task<absl::Status> ClientSocket::AcceptTls(const TlsContext& context) {
  if (!input_.empty()) co_return absl::FailedPreconditionError("bytes came before TLS");
  co_return co_await stream_.AcceptTls(context);
}

Task<bool> ClientSocket::ReceiveAtMost(std::size_t count) {
  std::error_code error;
  const std::size_t received = co_await stream_.Read(asio::buffer(buffer_, count), error);
  input_ = std::string_view(buffer_.data(), error ? 0 : received);
  co_return !error;
}

ClientSocket::Now ClientSocket::ReceiveNow() {
  std::error_code error;
  const std::size_t received = stream_.ReadNow(asio::buffer(buffer_), error);
  input_ = std::string_view(buffer_.data(), error ? 0 : received);
  if (!error) return Now::kBytes;
  return error == asio::error::would_block ? Now::kNothing : Now::kGone;
}

Task<bool> ClientSocket::Write(std::string_view bytes) {
  std::error_code error;
  co_await stream_.Write(bytes, error);
  co_return !error;
}

void ClientSocket::Watch(std::function<void()> gone) {
  gone_ = std::move(gone);
  AwaitInput();
}

void ClientSocket::AwaitInput() {
  Socket& socket = stream_.socket();
  socket.async_wait(Socket::wait_read, [this, self = shared_from_this()](std::error_code error) {
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
  const std::size_t count = stream_.ReadNow(asio::buffer(buffer_) + input_.size(), error);
  input_ = std::string_view(buffer_.data(), input_.size() + count);
  return !error || error == asio::error::would_block;
}

void ClientSocket::StopWatching() {
  gone_ = nullptr;
  std::error_code ignored;
  stream_.socket().cancel(ignored);
}

bool ClientSocket::HasLeft() {
  pollfd file = {stream_.socket().native_handle(), POLLRDHUP, 0};
  return poll(&file, 1, 0) == 1;
}

void ClientSocket::Close() {
  stream_.Close();
  // The handler of the watch takes the end for that of StopWatching.
  if (gone_) std::exchange(gone_, nullptr)();
}

}  // namespace proxy
