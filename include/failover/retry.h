// The retry loop around a query. It sees to these rules: an attempt is repeated only after an error
// that a failover caused, a retry that is refused again is held again, and the Buffer learns how
// the retry ended.
//
//   absl::StatusOr<Rows> rows = failover::RunWithFailoverRetry(
//       *buffer, {}, shard, [&] { return connection.Execute(query); });
//
// The loop blocks while the request is held, so it suits programs with a thread per connection.
// Other programs build their loop on failover/retry_steps.h.
#ifndef FAILOVER_RETRY_H_
#define FAILOVER_RETRY_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/retry_steps.h"

namespace failover {

namespace internal {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// The time of the Buffer's clock since the Buffer was made.
inline absl::Time TimeOf(const Buffer& buffer) {
  return absl::UnixEpoch() + absl::FromChrono(BufferAccess::Now(buffer).time_since_epoch());
}

}  // namespace internal

// Calls `attempt`, which takes nothing and returns absl::Status or absl::StatusOr<T>, until
// `attempt` succeeds or fails for another reason than a failover (AttemptOf). Returns what
// `attempt` returned last.
//
// While the shard fails over, the loop waits before each attempt. A retry that a failover refuses
// again is held again, until it succeeds or the window of the request is over: the loop then
// returns what `attempt` returned last. Attempts with no hold between them are limited by
// policy.max_attempts. If the request could not be held, or not any longer, the loop returns that
// error (ReasonOf tells why), and does not call `attempt` any more.
//
// context.timeout counts from the beginning of the loop. It limits the waits, not the attempts: the
// loop returns kTimeout if the timeout ended a wait. context.may_probe is set by the loop.
// Thread-safe, as the Buffer is. `attempt` runs on the calling thread, under no lock. If it throws,
// the retry ends untold.
template <typename AttemptFunc>
std::invoke_result_t<AttemptFunc&> RunWithFailoverRetry(Buffer& buffer,
                                                        const RequestContext& context,
                                                        ShardHandle shard, AttemptFunc&& attempt,
                                                        RetryPolicy policy = {}) {
  // The steps need no time if there is no timeout, and it costs nothing then.
  const bool has_timeout = context.timeout < absl::InfiniteDuration();
  const auto time = [&] { return has_timeout ? internal::TimeOf(buffer) : absl::InfinitePast(); };
  std::optional<std::invoke_result_t<AttemptFunc&>> result;
  RetrySteps steps(policy);
  absl::Time now = time();
  RetrySteps::Step step = steps.Start(now, context);
  while (step != RetrySteps::Step::kFinish) {
    if (step == RetrySteps::Step::kWait) {
      absl::StatusOr<RetryDoneFunc> waited =
          buffer.WaitForFailoverEnd(steps.context(now), shard, TakeLastAttempt(buffer, steps));
      now = time();
      step = steps.WaitEnded(now, std::move(waited));
    } else {
      result.emplace(attempt());
      const absl::Status& error = internal::StatusOf(*result);
      now = time();
      step = steps.AttemptEnded(now, error, AttemptOf(buffer, error));
    }
  }
  const absl::Status& refusal = steps.wait_error();
  const bool own = refusal.ok() || ReasonOf(refusal) == BufferErrorReason::kWindowOver;
  if (result.has_value() && own) return *std::move(result);
  return refusal.ok() ? steps.result() : refusal;
}

}  // namespace failover

#endif  // FAILOVER_RETRY_H_
