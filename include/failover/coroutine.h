// co_await for WaitForFailoverEnd (C++20). The waiter lives in the coroutine's frame: no
// allocation.
//
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       co_await failover::AwaitFailoverEnd(*buffer, {}, shard, error);
//
// The results are those of Buffer::WaitForFailoverEnd. A coroutine that is held is resumed on the
// service thread (Threading::kManual: inside Poll or Shutdown); hop to your own executor from
// there. A suspended coroutine may be destroyed, which cancels the wait, but not while it is being
// resumed: do it in kManual on the thread that polls, and elsewhere use the callback face for what
// must be cancelled. RequestContext::timeout works, RequestContext::cancellation does not. Shutdown
// resumes all.
#ifndef FAILOVER_COROUTINE_H_
#define FAILOVER_COROUTINE_H_

#include <coroutine>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/waiter.h"

namespace failover {

// Await it in the expression that makes it, once.
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
    // Before Submit: as soon as it holds the waiter, another thread may resume the coroutine, and
    // *this may be gone.
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
  // What the request came with; or, if it was refused, with what.
  absl::Status error_;
  std::coroutine_handle<> coroutine_;
  bool suspended_ = false;
  bool refused_ = false;
};

// The handle knows its Buffer; naming it keeps the call in line with the others.
inline FailoverEndAwaiter AwaitFailoverEnd(Buffer& /*buffer*/, const RequestContext& context,
                                           ShardHandle shard, absl::Status error) {
  return FailoverEndAwaiter(context, shard, std::move(error));
}

}  // namespace failover

#endif  // FAILOVER_COROUTINE_H_
