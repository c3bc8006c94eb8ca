// The connection to a client, below any protocol: bytes in, bytes out, and a watch for the end.
#ifndef FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_
#define FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/stream.h"
#include "proxy/core/tls.h"

namespace proxy {

// Used on its event loop only. At most one of Receive, Write and a watch may be under way at a
// time. Must be owned by a std::shared_ptr, because the handler of a watch that was stopped may
// keep the object alive a little longer.
class ClientSocket : public std::enable_shared_from_this<ClientSocket> {
 public:
  // The buffer for input has 4 KB until Expand is called: strangers must not cost much.
  explicit ClientSocket(Socket socket);
  // From now on the buffer has 16 KB. input() must be empty.
  void Expand();

  // Encrypts the connection. input() must be empty: what a client sent before TLS was not protected
  // and must not count as sent with TLS. Errors are those of Stream::AcceptTls.
  Task<absl::Status> AcceptTls(const TlsContext& context);
  bool encrypted() const { return stream_.encrypted(); }

  // The bytes that were received and that nobody has taken yet. The caller takes bytes by moving
  // the beginning of the view. The bytes stay valid until the next Receive or watch.
  std::string_view& input() { return input_; }
  // Waits for bytes and puts them into input(), which must be empty. False: the client is gone.
  Task<bool> Receive() { return ReceiveAtMost(buffer_.size()); }
  // The same, but what the client has sent behind the first `count` bytes stays in the connection.
  Task<bool> ReceiveAtMost(std::size_t count);

  // What ReceiveNow found.
  enum class Now : std::uint8_t { kBytes, kNothing, kGone };
  // The same as Receive for what is there already, without waiting.
  Now ReceiveNow();
  // To await events. Nobody else may read, write or close.
  Socket& socket() { return stream_.socket(); }

  // False: the client is gone.
  Task<bool> Write(std::string_view bytes);

  // Calls `gone` once if the client closes the connection, or Close is called, before StopWatching.
  // What the client sends meanwhile is kept in input(). The watch sees no end behind more input
  // than the buffer takes, because it reads no further.
  void Watch(std::function<void()> gone);
  void StopWatching();

  // Whether the client has closed its connection, be there unread input or not. May be called while
  // any other function runs.
  bool HasLeft();

  // Receive and Write end at once, those that are under way and those that come.
  void Close();

 private:
  void AwaitInput();
  bool TakeInput();

  Stream stream_;
  std::vector<char> buffer_;
  std::string_view input_;  // a part of buffer_

  std::function<void()> gone_;  // empty: there is no watch
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_
