// Waits in the Buffer on behalf of a session, without blocking the session's event loop.
#ifndef FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_
#define FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"

namespace proxy {

// Used on its event loop only. Wait may be called any number of times, one call after the other.
class FailoverWait {
 public:
  // `buffer` is not owned.
  FailoverWait(const Executor& executor, failover::Buffer& buffer, failover::ShardHandle shard);

  // As Buffer::WaitForFailoverEnd, for a request that keeps `bytes` bytes of memory. If the client
  // closes its connection meanwhile, the request gives up its place at once, and the result is
  // kCancelled.
  Task<absl::StatusOr<failover::RetryDoneFunc>> Wait(const absl::Status& error, std::size_t bytes,
                                                     ClientSocket& client);

 private:
  struct Shared;

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  const std::shared_ptr<Shared> shared_;  // the Buffer's callback owns a share, too
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_FAILOVER_WAIT_H_
