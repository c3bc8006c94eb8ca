#include "proxy/core/failover_wait.h"

#include <asio/post.hpp>
#include <optional>
#include <utility>

namespace proxy {

struct FailoverWait::Shared {
  explicit Shared(const Executor& loop) : executor(loop), change(loop) {}

  const Executor executor;

  // Used on the event loop's thread only. `change` never expires: it is cancelled when `result` or
  // `client_gone` changes, and so wakes the coroutine that waits.
  Timer change;
  std::optional<absl::StatusOr<failover::RetryDoneFunc>> result;
  bool client_gone = false;
};

FailoverWait::FailoverWait(const Executor& executor, failover::Buffer& buffer,
                           failover::ShardHandle shard)
    : buffer_(buffer), shard_(shard), shared_(std::make_shared<Shared>(executor)) {}

Task<absl::StatusOr<failover::RetryDoneFunc>> FailoverWait::Wait(
    const failover::RequestContext& context, failover::LastAttempt& last, ClientSocket& client) {
  absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
      context, shard_, std::move(last),
      [shared = shared_](absl::StatusOr<failover::RetryDoneFunc> result) {
        asio::post(shared->executor, [shared, result = std::move(result)]() mutable {
          shared->result = std::move(result);
          shared->change.cancel();
        });
      });
  if (!held.ok()) co_return held.status();
  if (!*held) co_return held->TakeToken();

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
  // `held` cancels the request when it goes out of scope. If the callback runs already, the token
  // that it brings is destroyed unused, which ends the retry.
  if (shared_->client_gone) co_return absl::CancelledError("the client is gone");
  absl::StatusOr<failover::RetryDoneFunc> result = *std::move(shared_->result);
  shared_->result.reset();
  co_return result;
}

}  // namespace proxy
