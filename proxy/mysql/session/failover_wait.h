// Waits in the Buffer on behalf of a session, without blocking its event loop.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_FAILOVER_WAIT_H_
#define FAILOVER_PROXY_MYSQL_SESSION_FAILOVER_WAIT_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "proxy/core/asio_types.h"
#include "proxy/mysql/session/client_connection.h"

namespace mysql_proxy {

// Used on its event loop only. Any number of waits, one at a time.
class FailoverWait {
 public:
  FailoverWait(const Executor& executor, failover::Buffer& buffer, failover::ShardHandle shard);

  // As Buffer::WaitForFailoverEnd. If the client closes its connection meanwhile, the request gives
  // up its place at once, and the result is kCancelled.
  Task<absl::StatusOr<failover::RetryDoneFunc>> Wait(const absl::Status& error, std::size_t bytes,
                                                     ClientConnection& client);

 private:
  struct Shared;

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  const std::shared_ptr<Shared> shared_;  // with the callback
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_FAILOVER_WAIT_H_
