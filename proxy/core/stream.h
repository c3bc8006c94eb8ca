// A TCP connection that is plain, or encrypted from some moment on.
#ifndef FAILOVER_PROXY_CORE_STREAM_H_
#define FAILOVER_PROXY_CORE_STREAM_H_

#include <asio/buffer.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/tls.h"
#include "proxy/core/tls_engine.h"

namespace proxy {

// Used on its event loop only. At most one function that returns a Task may be under way at a time;
// Close may be called meanwhile, and ends that function.
//
// The caller of AcceptTls and ConnectTls must not have taken a byte that belongs to TLS from the
// connection. The caller must drop every byte that was taken and not used, because the bytes that
// came before the upgrade were not protected.
class Stream {
 public:
  // A connection that is still to be made, with socket().
  explicit Stream(const Executor& executor) : socket_(executor) {}
  explicit Stream(Socket socket) : socket_(std::move(socket)) {}

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // To connect, to set options and to await events. Nobody else may read, write or close.
  Socket& socket() { return socket_; }
  bool encrypted() const { return tls_ != nullptr; }

  // Encrypts a plain connection, as the side that shows a certificate, or as the side that checks
  // one. From then on everything is encrypted. kUnavailable: the connection was lost.
  // kFailedPrecondition: the two sides do not agree about TLS, or a certificate is not good enough;
  // the text says why. After an error the connection must be closed.
  Task<absl::Status> AcceptTls(const TlsContext& context);
  Task<absl::Status> ConnectTls(const BackendTls& tls);

  // Waits for bytes, and returns how many came. With an `error` it returns 0. What `buffer` and
  // `error` are must live until the Task has ended.
  Task<std::size_t> Read(asio::mutable_buffer buffer, std::error_code& error);
  // Writes all bytes, and returns how many were written: all, unless there is an `error`. The peer
  // can have read nothing of the bytes behind them.
  Task<std::size_t> Write(std::string_view bytes, std::error_code& error);

  // Reads what is there. asio::error::would_block: there is nothing now.
  std::size_t ReadNow(asio::mutable_buffer buffer, std::error_code& error);
  // Writes what can be written at once, and returns how much that was. asio::error::would_block:
  // there is no room now; the next write must begin with the same bytes.
  std::size_t WriteSome(std::string_view bytes, std::error_code& error);
  // Writes what can be written at once, and does not tell how much that was.
  void WriteNow(std::string_view bytes);
  // Whether there is something to read, or the peer has closed the connection.
  bool HasNews();

  void Close();

 private:
  Task<absl::Status> FinishHandshake();
  Task<std::size_t> ReadEncrypted(asio::mutable_buffer buffer, std::error_code& error);
  Task<std::size_t> WriteEncrypted(std::string_view bytes, std::error_code& error);
  Task<> Await(TlsEngine::Next next, std::error_code& error);

  Socket socket_;
  std::unique_ptr<TlsEngine> tls_;  // nullptr: the connection is plain
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_STREAM_H_
