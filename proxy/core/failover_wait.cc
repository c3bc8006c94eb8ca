#include "proxy/core/failover_wait.h"

#include <asio/post.hpp>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace proxy {

struct FailoverWait::Shared {
  explicit Shared(const Executor& loop) : executor(loop), change(loop) {}

  // The wait ends for this reason, unless it has been given up for another one.
  void GiveUp(absl::Status why) {
    if (given_up.ok()) given_up = std::move(why);
    change.cancel();
  }

  const Executor executor;

  // The number of waits that have begun or ended: odd while one is under way. Only the event loop's
  // thread writes.
  std::atomic<std::uint64_t> turns{0};
  // The wait that somebody has interrupted, by its number. Whoever interrupts writes it and then
  // looks whether the wait is still under way; the wait ends and then reads it. All of this is
  // sequentially consistent, so at least one of the two sees the other.
  std::atomic<std::uint64_t> interrupted{0};

  // Used on the event loop's thread only. `change` never expires: it is cancelled when `result` or
  // `given_up` changes, and so wakes the coroutine that waits.
  Timer change;
  std::optional<absl::StatusOr<failover::RetryDoneFunc>> result;
  absl::Status given_up;
};

FailoverWait::FailoverWait(const Executor& executor, failover::Buffer& buffer,
                           failover::ShardHandle shard)
    : buffer_(buffer), shard_(shard), shared_(std::make_shared<Shared>(executor)) {}

Task<absl::StatusOr<failover::RetryDoneFunc>> FailoverWait::Wait(
    const failover::RequestContext& context, failover::LastAttempt& last, ClientSocket& client) {
  const std::uint64_t turn = shared_->turns.load() + 1;
  absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
      context, shard_, std::move(last),
      [shared = shared_, turn](absl::StatusOr<failover::RetryDoneFunc> result) {
        asio::post(shared->executor, [shared, turn, result = std::move(result)]() mutable {
          // The token of a wait that was given up ends here, unused.
          if (shared->turns.load() != turn) return;
          shared->result = std::move(result);
          shared->change.cancel();
        });
      });
  if (!held.ok()) co_return held.status();
  if (!*held) co_return held->TakeToken();

  shared_->given_up = absl::OkStatus();
  shared_->turns.store(turn);
  client.Watch([shared = shared_] { shared->GiveUp(absl::CancelledError("the client is gone")); });
  while (!shared_->result.has_value() && shared_->given_up.ok() &&
         shared_->interrupted.load() != turn) {
    shared_->change.expires_at(Timer::time_point::max());
    std::error_code ignored;
    co_await shared_->change.async_wait(ErrorTo(ignored));
  }
  shared_->turns.store(turn + 1);
  if (shared_->interrupted.load() == turn) {
    shared_->GiveUp(absl::AbortedError("the wait was interrupted"));
  }
  client.StopWatching();
  // `held` cancels the request when it goes out of scope. A token that has come all the same is
  // destroyed unused, which ends the retry.
  std::optional<absl::StatusOr<failover::RetryDoneFunc>> result =
      std::exchange(shared_->result, std::nullopt);
  if (!shared_->given_up.ok()) co_return shared_->given_up;
  co_return *std::move(result);
}

std::function<bool()> FailoverWait::interrupter() const {
  return [shared = shared_] {
    const std::uint64_t turn = shared->turns.load();
    if (turn % 2 == 0) return false;
    shared->interrupted.store(turn);
    if (shared->turns.load() != turn) return false;
    asio::post(shared->executor, [shared] { shared->change.cancel(); });
    return true;
  };
}

}  // namespace proxy
