// Not part of the API. failover/coroutine.h and failover/retry.h reach the inside of a Buffer
// through this class.
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

  // As Buffer::Owns.
  static bool Owns(const Buffer& buffer, ShardHandle shard) { return buffer.Owns(shard); }

  // Whether a request goes on at once.
  static bool Passes(const Waiter& waiter, const absl::Status& error) {
    return error.ok() && ShardHandle(waiter.gate).Passes();
  }

  // The caller has set the waiter's `bytes`. kHeld means that the waiter is completed later, maybe
  // before Submit returns, so *waiter must not be touched any more. If kRefused, `refusal` says
  // why.
  static Result Submit(absl::Duration timeout, const absl::Status& error, Waiter* waiter,
                       absl::Status* refusal);

  // Returns what a completed waiter is told. `error` is the error that it was submitted with.
  static absl::StatusOr<RetryDoneFunc> ResultOf(const Waiter& waiter, const absl::Status& error);

  // Cancels a waiter that is held, or that is ready but not being completed.
  static void Cancel(Waiter& waiter);

  static Instant Now(const Buffer& buffer);
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_BUFFER_ACCESS_H_
