#include "proxy/core/stream.h"

#include <sys/socket.h>

#include <asio/error.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

namespace proxy {
namespace {

// What failed when a handshake ended with `error`.
absl::Status HandshakeFailed(const std::error_code& error, const std::string& certificate_problem) {
  if (!certificate_problem.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("TLS: the certificate is refused: ", certificate_problem));
  }
  // The only one who closes a connection during a handshake is a deadline.
  const std::string why = error == asio::error::operation_aborted ? "timed out" : error.message();
  const std::string text = absl::StrCat("TLS: ", why);
  return IsTlsError(error) ? absl::FailedPreconditionError(text) : absl::UnavailableError(text);
}

}  // namespace

Task<absl::Status> Stream::AcceptTls(const TlsContext& context) {
  std::error_code error;
  socket_.non_blocking(true, error);
  if (error) co_return absl::UnavailableError(error.message());
  tls_ = TlsEngine::AsServer(context, socket_.native_handle());
  co_return co_await FinishHandshake();
}

Task<absl::Status> Stream::ConnectTls(const BackendTls& tls) {
  std::error_code error;
  socket_.non_blocking(true, error);
  if (error) co_return absl::UnavailableError(error.message());
  tls_ = TlsEngine::AsClient(tls.context, socket_.native_handle(), tls.name);
  co_return co_await FinishHandshake();
}

Task<absl::Status> Stream::FinishHandshake() {
  std::error_code error;
  while (!error) {
    const TlsEngine::Step step = tls_->Handshake();
    if (step.next == TlsEngine::Next::kDone) co_return absl::OkStatus();
    if (step.next == TlsEngine::Next::kFailed) {
      co_return HandshakeFailed(step.error, tls_->CertificateProblem());
    }
    co_await Await(step.next, error);
  }
  co_return HandshakeFailed(error, {});
}

Task<std::size_t> Stream::Read(asio::mutable_buffer buffer, std::error_code& error) {
  return encrypted() ? ReadEncrypted(buffer, error)
                     : socket_.async_read_some(buffer, ErrorTo(error));
}

Task<std::size_t> Stream::Write(std::string_view bytes, std::error_code& error) {
  return encrypted() ? WriteEncrypted(bytes, error)
                     : asio::async_write(socket_, asio::buffer(bytes), ErrorTo(error));
}

Task<std::size_t> Stream::ReadEncrypted(asio::mutable_buffer buffer, std::error_code& error) {
  error.clear();
  // To wait first gives the other connections of this event loop their turn, even if the peer sends
  // faster than this connection reads.
  if (!tls_->HasInput()) co_await Await(TlsEngine::Next::kAwaitInput, error);
  while (!error) {
    if (!socket_.is_open()) {
      error = asio::error::operation_aborted;
      break;
    }
    const TlsEngine::Step step = tls_->Read(static_cast<char*>(buffer.data()), buffer.size());
    if (step.next == TlsEngine::Next::kDone) co_return step.count;
    if (step.next == TlsEngine::Next::kFailed) {
      error = step.error;
    } else {
      co_await Await(step.next, error);
    }
  }
  co_return 0;
}

// A record of which the peer has not got the end is worth nothing to the peer. So the bytes that
// OpenSSL does not count as written are not read by anybody, although some of them may be under
// way.
Task<std::size_t> Stream::WriteEncrypted(std::string_view bytes, std::error_code& error) {
  error.clear();
  std::size_t written = 0;
  while (!error && written < bytes.size()) {
    if (!socket_.is_open()) {
      error = asio::error::operation_aborted;
      break;
    }
    const TlsEngine::Step step = tls_->Write(bytes.substr(written));
    if (step.next == TlsEngine::Next::kDone) {
      written += step.count;
    } else if (step.next == TlsEngine::Next::kFailed) {
      error = step.error;
    } else {
      co_await Await(step.next, error);
    }
  }
  co_return written;
}

// The socket may be closed after it was found ready and before the coroutine goes on. OpenSSL must
// not see it then: its number may belong to another connection already.
Task<> Stream::Await(TlsEngine::Next next, std::error_code& error) {
  const Socket::wait_type event =
      next == TlsEngine::Next::kAwaitInput ? Socket::wait_read : Socket::wait_write;
  co_await socket_.async_wait(event, ErrorTo(error));
  if (!error && !socket_.is_open()) error = asio::error::operation_aborted;
}

std::size_t Stream::ReadNow(asio::mutable_buffer buffer, std::error_code& error) {
  if (!encrypted()) return socket_.read_some(buffer, error);
  error.clear();
  if (!socket_.is_open()) {
    error = asio::error::bad_descriptor;
    return 0;
  }
  const TlsEngine::Step step = tls_->Read(static_cast<char*>(buffer.data()), buffer.size());
  if (step.next == TlsEngine::Next::kFailed) error = step.error;
  if (step.next == TlsEngine::Next::kAwaitInput || step.next == TlsEngine::Next::kAwaitRoom) {
    error = asio::error::would_block;
  }
  return step.count;
}

std::size_t Stream::WriteSome(std::string_view bytes, std::error_code& error) {
  error.clear();
  if (!socket_.is_open()) {
    error = asio::error::bad_descriptor;
    return 0;
  }
  if (!encrypted()) {
    socket_.non_blocking(true, error);
    return error ? 0 : socket_.write_some(asio::buffer(bytes), error);
  }
  const TlsEngine::Step step = tls_->Write(bytes);
  if (step.next == TlsEngine::Next::kDone) return step.count;
  error = step.next == TlsEngine::Next::kFailed ? step.error
                                                : std::error_code(asio::error::would_block);
  return 0;
}

void Stream::WriteNow(std::string_view bytes) {
  if (!socket_.is_open()) return;
  if (encrypted()) {
    static_cast<void>(tls_->Write(bytes));
    return;
  }
  std::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.write_some(asio::buffer(bytes), ignored);
}

bool Stream::HasNews() {
  if (!socket_.is_open()) return true;
  char byte;
  if (encrypted()) {
    // Not everything that comes is for the reader: TLS has messages of its own.
    const TlsEngine::Next next = tls_->Peek(&byte, 1).next;
    return next == TlsEngine::Next::kDone || next == TlsEngine::Next::kFailed;
  }
  const ssize_t count = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

void Stream::Close() {
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace proxy
