// co_await for WaitForFailoverEnd (C++20). The waiter lives in the coroutine's frame, so nothing is
// allocated.
//
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       co_await failover::AwaitFailoverEnd(*buffer, {}, shard, error);
//
// The results are those of Buffer::WaitForFailoverEnd. A coroutine that is held is resumed on the
// service thread (Threading::kManual: inside Poll or Shutdown). Change to your own executor from
// there. A suspended coroutine may be destroyed, which cancels the wait. It must not be destroyed
// while it is being resumed. So destroy it in kManual only, on the thread that polls; in
// kServiceThread use WaitForFailoverEndAsync for requests that must be cancelled.
// RequestContext::timeout is obeyed, RequestContext::cancellation is ignored. Shutdown resumes all
// held coroutines.
#ifndef FAILOVER_COROUTINE_H_
#define FAILOVER_COROUTINE_H_

#include <cassert>
#include <coroutine>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/waiter.h"

namespace failover {

// Must be awaited once, in the expression that makes it.
class [[nodiscard]] FailoverEndAwaiter final : private internal::Waiter {
 public:
  FailoverEndAwaiter(const RequestContext& context, ShardHandle shard, absl::Status error)
      : Waiter(internal::BufferAccess::GateOf(shard), /*blocks=*/false),
        timeout_(context.timeout),
        error_(std::move(error)) {
    bytes = context.bytes;
  }

  ~FailoverEndAwaiter() {
    if (suspended_) internal::BufferAccess::Cancel(*this);
  }

  bool await_ready() const { return internal::BufferAccess::Passes(*this, error_); }

  bool await_suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    // This is set before Submit: as soon as Submit holds the waiter, another thread may resume the
    // coroutine, and *this may be gone.
    suspended_ = true;
    using internal::BufferAccess;
    absl::Status refusal;
    const BufferAccess::Result result = BufferAccess::Submit(timeout_, error_, this, &refusal);
    if (result == BufferAccess::Result::kHeld) return true;
    suspended_ = false;
    refused_ = result == BufferAccess::Result::kRefused;
    error_ = std::move(refusal);
    return false;
  }

  absl::StatusOr<RetryDoneFunc> await_resume() {
    if (std::exchange(suspended_, false)) return internal::BufferAccess::ResultOf(*this, error_);
    if (refused_) return std::move(error_);
    return RetryDoneFunc();
  }

 private:
  void Complete() noexcept override { coroutine_.resume(); }

  const absl::Duration timeout_;
  // The error that the request came with. If the request was refused, this is the refusal.
  absl::Status error_;
  std::coroutine_handle<> coroutine_;
  bool suspended_ = false;
  bool refused_ = false;
};

// Makes the awaiter. `shard` must be a handle of `buffer`.
inline FailoverEndAwaiter AwaitFailoverEnd([[maybe_unused]] Buffer& buffer,
                                           const RequestContext& context, ShardHandle shard,
                                           absl::Status error) {
  assert(internal::BufferAccess::Owns(buffer, shard));
  return FailoverEndAwaiter(context, shard, std::move(error));
}

}  // namespace failover

#endif  // FAILOVER_COROUTINE_H_
