#include "proxy/mysql/session/failover_wait.h"

#include <asio/post.hpp>
#include <optional>
#include <utility>

#include "failover/request_context.h"

namespace mysql_proxy {

struct FailoverWait::Shared {
  explicit Shared(const Executor& loop) : executor(loop), change(loop) {}

  const Executor executor;
  // The rest belongs to the event loop.
  Timer change;  // never expires; cancelled when one of these changes:
  std::optional<absl::StatusOr<failover::RetryDoneFunc>> result;
  bool client_gone = false;
};

FailoverWait::FailoverWait(const Executor& executor, failover::Buffer& buffer,
                           failover::ShardHandle shard)
    : buffer_(buffer), shard_(shard), shared_(std::make_shared<Shared>(executor)) {}

Task<absl::StatusOr<failover::RetryDoneFunc>> FailoverWait::Wait(const absl::Status& error,
                                                                 std::size_t bytes,
                                                                 ClientConnection& client) {
  failover::RequestContext context;
  context.bytes = bytes;
  absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
      context, shard_, error, [shared = shared_](absl::StatusOr<failover::RetryDoneFunc> result) {
        asio::post(shared->executor, [shared, result = std::move(result)]() mutable {
          shared->result = std::move(result);
          shared->change.cancel();
        });
      });
  if (!held.ok()) co_return held.status();
  if (!*held) co_return failover::RetryDoneFunc();

  client.Watch([shared = shared_] {
    shared->client_gone = true;
    shared->change.cancel();
  });
  while (!shared_->result.has_value() && !shared_->client_gone) {
    shared_->change.expires_at(Timer::time_point::max());
    std::error_code ignored;
    co_await shared_->change.async_wait(ErrorTo(ignored));
  }
  client.StopWatching();
  // If the callback runs already, the token that it brings ends its retry unused.
  if (shared_->client_gone) co_return absl::CancelledError("the client is gone");
  absl::StatusOr<failover::RetryDoneFunc> result = *std::move(shared_->result);
  shared_->result.reset();
  co_return result;
}

}  // namespace mysql_proxy
