// A wait for whichever of two connections has something to read first.
#ifndef FAILOVER_PROXY_CORE_INPUT_WAIT_H_
#define FAILOVER_PROXY_CORE_INPUT_WAIT_H_

#include <memory>

#include "proxy/core/asio_types.h"

namespace proxy {

// Used on its event loop only, by one coroutine at a time. Wake may be called at any time.
class InputWait {
 public:
  explicit InputWait(const Executor& executor);

  // Returns when one of the sockets has something to read or was closed by either side, or after
  // Wake. nullptr: there is no such connection. What TLS has decrypted already is not seen here, so
  // the caller reads first. Cancels the other operations of both sockets.
  Task<> Wait(Socket* first, Socket* second);
  // Returns when the socket has something to read or room to write.
  Task<> WaitForEither(Socket& socket);
  // Ends the wait that is under way, or the next one.
  void Wake();

 private:
  struct Shared;
  static void Watch(Socket& socket, Socket::wait_type event, const std::shared_ptr<Shared>& shared);
  Task<> AwaitChange();

  const std::shared_ptr<Shared> shared_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_INPUT_WAIT_H_
