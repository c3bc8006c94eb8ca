// Waits in the Buffer on behalf of a session, without blocking the session's event loop.
#ifndef FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_
#define FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"

namespace proxy {

// Used on its event loop only. Wait may be called any number of times, one call after the other.
class FailoverWait {
 public:
  // `buffer` is not owned.
  FailoverWait(const Executor& executor, failover::Buffer& buffer, failover::ShardHandle shard);

  // As Buffer::WaitForFailoverEnd. If the client closes its connection meanwhile, the request gives
  // up its place at once, and the result is kCancelled; if somebody interrupts the wait, the result
  // is kAborted. `last` is used up. The references must be valid until the coroutine ends.
  Task<absl::StatusOr<failover::RetryDoneFunc>> Wait(const failover::RequestContext& context,
                                                     failover::LastAttempt& last,
                                                     ClientSocket& client);

  // A function that interrupts the wait that is under way when it is called. True: the result of
  // that wait is kAborted, also if the Buffer releases the request at the same moment. False: no
  // wait is under way, or it ends just now. Any thread may call the function, also when this object
  // is gone, as long as the event loop lives.
  std::function<bool()> interrupter() const;

 private:
  struct Shared;

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  const std::shared_ptr<Shared> shared_;  // the Buffer's callback owns a share, too
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_
