// Not part of the API: what failover/coroutine.h and failover/retry.h reach the inside of a Buffer
// through.
#ifndef FAILOVER_INTERNAL_BUFFER_ACCESS_H_
#define FAILOVER_INTERNAL_BUFFER_ACCESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/export.h"
#include "failover/internal/instant.h"
#include "failover/internal/waiter.h"

namespace failover::internal {

class FAILOVER_EXPORT BufferAccess {
 public:
  enum class Result : std::uint8_t { kPassed, kHeld, kRefused };

  static ShardGate* GateOf(ShardHandle shard) { return shard.gate_; }

  // Whether a request goes on at once.
  static bool Passes(const Waiter& waiter, const absl::Status& error) {
    return error.ok() && ShardHandle(waiter.gate).Passes();
  }

  // The waiter's `bytes` are set. kHeld: it is completed later, maybe before this returns, so
  // *waiter must not be touched any more. kRefused: `refusal` says why.
  static Result Submit(absl::Duration timeout, const absl::Status& error, Waiter* waiter,
                       absl::Status* refusal);

  // Of a completed waiter. `error` is what it was submitted with.
  static absl::StatusOr<RetryDoneFunc> ResultOf(const Waiter& waiter, const absl::Status& error);

  // Of a waiter that is held, or ready but not being completed.
  static void Cancel(Waiter& waiter);

  static Instant Now(const Buffer& buffer);
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_BUFFER_ACCESS_H_
