// The retry loop around a query. It sees to three rules: each request is held at most once, an
// attempt is repeated only after an error that a failover caused, and the Buffer learns when the
// retry ended.
//
//   absl::StatusOr<Rows> rows = failover::RunWithFailoverRetry(
//       *buffer, {}, shard, [&] { return connection.Execute(query); });
//
// The loop blocks while the request is held, so it suits programs with a thread per connection.
#ifndef FAILOVER_RETRY_H_
#define FAILOVER_RETRY_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"

namespace failover {

struct RetryPolicy {
  // How often `attempt` is called at the most. The default is vtgate's. Less than 1 counts as 1.
  int max_attempts = 3;
};

namespace internal {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace internal

// Calls `attempt`, which takes nothing and returns absl::Status or absl::StatusOr<T>, until
// `attempt` succeeds, fails for another reason than a failover, or was called policy.max_attempts
// times. Returns what `attempt` returned last. While the shard fails over, the loop first waits,
// but only once. If the request could not be held, the loop returns that error (ReasonOf tells
// why), and does not call `attempt` any more. context.timeout counts from the beginning of the
// loop; it limits the wait, not the attempts. Thread-safe, as the Buffer is. `attempt` runs on the
// calling thread, under no lock.
template <typename Attempt>
std::invoke_result_t<Attempt&> RunWithFailoverRetry(Buffer& buffer, const RequestContext& context,
                                                    ShardHandle shard, Attempt&& attempt,
                                                    RetryPolicy policy = {}) {
  const bool has_timeout = context.timeout < absl::InfiniteDuration();
  const internal::Instant begin =
      has_timeout ? internal::BufferAccess::Now(buffer) : internal::kLongAgo;
  RetryDoneFunc done;
  absl::Status last_error;
  for (int attempts = 1;; ++attempts) {
    if (!done) {
      RequestContext left = context;
      if (has_timeout && attempts > 1) {
        left.timeout -= absl::FromChrono(internal::BufferAccess::Now(buffer) - begin);
      }
      absl::StatusOr<RetryDoneFunc> waited = buffer.WaitForFailoverEnd(left, shard, last_error);
      if (!waited.ok()) return waited.status();
      done = *std::move(waited);
    }
    std::invoke_result_t<Attempt&> result = attempt();
    last_error = internal::StatusOf(result);
    if (attempts >= policy.max_attempts || !buffer.IsFailover(last_error)) {
      done(last_error);
      return result;
    }
  }
}

}  // namespace failover

#endif  // FAILOVER_RETRY_H_
