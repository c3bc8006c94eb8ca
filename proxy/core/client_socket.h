// The connection to a client, below any protocol: bytes in, bytes out, and a watch for the end.
#ifndef FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_
#define FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_

#include <array>
#include <functional>
#include <memory>
#include <string_view>

#include "proxy/core/asio_types.h"

namespace proxy {

// Used on its event loop only. At most one of Receive, Write and a watch may be under way at a
// time. Must be owned by a std::shared_ptr, because the handler of a watch that was stopped may
// keep the object alive a little longer.
class ClientSocket : public std::enable_shared_from_this<ClientSocket> {
 public:
  explicit ClientSocket(Socket socket);

  // The bytes that were received and that nobody has taken yet. The caller takes bytes by moving
  // the beginning of the view. The bytes stay valid until the next Receive or watch.
  std::string_view& input() { return input_; }
  // Waits for bytes and puts them into input(), which must be empty. False: the client is gone.
  Task<bool> Receive();

  // False: the client is gone.
  Task<bool> Write(std::string_view bytes);

  // Calls `gone` once if the client closes the connection before StopWatching. What the client
  // sends meanwhile is kept in input(). The watch sees no end behind more than 16 KB of input,
  // because it reads no further.
  void Watch(std::function<void()> gone);
  void StopWatching();

  // Receive and Write end at once, those that are under way and those that come.
  void Close();

 private:
  void AwaitInput();
  bool TakeInput();

  Socket socket_;
  std::array<char, 16 * 1024> buffer_;
  std::string_view input_;  // a part of buffer_

  std::function<void()> gone_;  // empty: there is no watch
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CLIENT_SOCKET_H_
