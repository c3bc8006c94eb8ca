// Not part of the API. failover/block_on.h, coroutine.h and retry.h reach the inside of a Buffer
// through this class.
#ifndef FAILOVER_INTERNAL_BUFFER_ACCESS_H_
#define FAILOVER_INTERNAL_BUFFER_ACCESS_H_

#include <cstdint>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/export.h"
#include "failover/internal/instant.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/internal/waiter.h"
#include "failover/internal/work_count.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"
#include "failover/switchover_options.h"
#include "failover/work.h"

namespace failover::internal {

// What registers a waiter with up to two Cancellations.
struct CancelHooks;

class FAILOVER_EXPORT BufferAccess {
 public:
  enum class Result : std::uint8_t { kPassed, kHeld, kRefused };

  static ShardGate* GateOf(ShardHandle shard) { return shard.gate_; }

  // As Buffer::Owns.
  static bool Owns(const Buffer& buffer, ShardHandle shard) { return buffer.Owns(shard); }

  // As Buffer::Reconfigure, but throws std::bad_alloc if memory has run out, and std::system_error
  // if the service thread could not be started.
  static absl::Status Reconfigure(Buffer& buffer, const BufferOptions& options);

  // Whether a request goes on at once, uncounted.
  static bool Passes(const Waiter& waiter, Work work, const LastAttempt& last) {
    return work == Work::kUncounted && last.PassesIf(ShardHandle(waiter.gate).Passes());
  }

  static bool Passes(ShardHandle shard, Work work, const LastAttempt& last) {
    return work == Work::kUncounted && last.PassesIf(shard.Passes());
  }

  // As Buffer::WaitForFailoverEnd, but calls `wait` in place of blocking the thread. `wait` must
  // return once `post` was called, which happens exactly once, on any thread, if the request is
  // held. When `wait` has returned, neither is used any more.
  static absl::StatusOr<RetryDoneFunc> WaitOn(const Buffer& buffer, const RequestContext& context,
                                              ShardHandle shard, const AttemptView& last,
                                              absl::FunctionRef<void()> post,
                                              absl::FunctionRef<void()> wait);

  // kPassed means that PassedToken is the result. kHeld means that the waiter is completed later,
  // maybe before Submit returns, so *waiter and *hooks must not be touched any more. If kRefused,
  // `refusal` says why. Takes the token of `last`. `stop` may be nullptr, and cancels as
  // context.cancellation does. If there is one of the two, *hooks is set before the waiter can be
  // completed. Whoever ends the wait calls EndHooks. Otherwise, and if the answer is not kHeld,
  // *hooks is nullptr.
  static Result Submit(const RequestContext& context, Cancellation* stop, const AttemptView& last,
                       Waiter* waiter, CancelHooks** hooks, absl::Status* refusal);

  // Returns when no Cancellation uses the waiter any more. nullptr is harmless.
  static void EndHooks(CancelHooks* hooks) noexcept {
    if (hooks != nullptr) DeleteHooks(hooks);
  }

  // Returns what a completed waiter is told. `error` is the error that it was submitted with.
  static absl::StatusOr<RetryDoneFunc> ResultOf(const Waiter& waiter, const absl::Status& error);

  // The token of a waiter that was released.
  static RetryDoneFunc MakeRetryDone(const Waiter& waiter);
  // The token of a waiter whose request passed.
  static RetryDoneFunc PassedToken(const Waiter& waiter) {
    return RetryDoneFunc(WorkOf(waiter, /*owns=*/false));
  }
  static RetryDoneFunc MakeToken(WorkToken work) { return RetryDoneFunc(std::move(work)); }
  // The work that a waiter counts since it was released or passed. Must be taken once.
  static WorkToken WorkOf(const Waiter& waiter, bool owns) {
    if (waiter.stripe == kNoStripe) return {};
    return {waiter.gate, waiter.traits.work, waiter.stripe, owns};
  }
  static WorkToken MakeWork(ShardGate& gate, Work work, std::uint8_t stripe) {
    return {&gate, work, stripe, /*owns=*/false};
  }
  // nullptr if no retry is under way.
  static const Ticket* TicketOf(const RetryDoneFunc& token) {
    return token.ticket_.has_value() ? &*token.ticket_ : nullptr;
  }
  static const WorkToken& WorkOf(const RetryDoneFunc& token) { return token.work_; }
  static ShardGate* GateOf(const WorkToken& work) { return work.gate_; }
  // What the caller of Unpack takes over.
  struct WorkParts {
    Work work = Work::kUncounted;
    std::uint8_t stripe = kNoStripe;  // kNoStripe: nothing is counted
    bool owns = false;
  };
  static WorkParts Unpack(WorkToken work) {
    if (std::exchange(work.gate_, nullptr) == nullptr) return {};
    return {work.work_, work.stripe_, work.owns_};
  }
  // The retry has ended otherwise. The caller takes over the token's share of the ownership.
  static void Disarm(RetryDoneFunc& token) { token.ticket_.reset(); }

  // Cancels a waiter that is held, or that is ready but not being completed.
  static void Cancel(Waiter& waiter);

  // How the attempt ended, as the Buffer's classifier says.
  static Attempt AttemptOf(const Buffer& buffer, const absl::Status& status);

  static Instant Now(const Buffer& buffer);

  // nullptr for a switchover that was moved from.
  static ShardGate* GateOf(const Switchover& switchover);
  // True means that the waiter is completed later, maybe before AwaitQuiet returns, so *waiter must
  // not be touched any more. False means that QuietResultOf has the result.
  static bool AwaitQuiet(Switchover& switchover, absl::Duration timeout, QuietWaiter* waiter);
  static void CancelQuiet(QuietWaiter& waiter);
  static absl::StatusOr<WorkInFlight> QuietResultOf(const QuietWaiter& waiter);

 private:
  static void DeleteHooks(CancelHooks* hooks) noexcept;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_BUFFER_ACCESS_H_
