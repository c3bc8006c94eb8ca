#include "proxy/core/retry_driver.h"

#include <utility>

#include "absl/status/statusor.h"

namespace proxy {
namespace {

// One attempt and two retries, as in Vitess's gateway (vtgate).
constexpr int kMaxAttempts = 3;

}  // namespace

RetryDriver::RetryDriver(const Context& context, const Executor& executor)
    : context_(context), wait_(executor, context.buffer, context.shard) {}

Task<RetryResult> RetryDriver::Run(RetriedStatement& statement, ClientSocket& client) {
  failover::RetryDoneFunc retry;
  RetryResult result;
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    if (!retry && statement.MayBeHeld()) {
      result.before = context_.buffer.IsFailover(result.error) ? result.error : absl::OkStatus();
      absl::StatusOr<failover::RetryDoneFunc> waited =
          co_await wait_.Wait(result.before, statement.bytes(), client);
      if (!waited.ok()) {
        result.error = waited.status();
        break;
      }
      retry = *std::move(waited);
    }
    result.error = co_await statement.Try(retry);
    const bool may_repeat =
        context_.buffer.IsFailover(result.error) || statement.MayRepeatAtOnce(result.error);
    if (!may_repeat) break;
  }
  retry(result.error);
  co_return result;
}

}  // namespace proxy
