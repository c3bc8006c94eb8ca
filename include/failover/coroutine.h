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
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/waiter.h"

namespace failover {

// Await it in the expression that makes it, once.
class [[nodiscard]] FailoverEndAwaiter final : private internal::Waiter {
 public:
  FailoverEndAwaiter(const RequestContext& context, ShardHandle shard_handle, absl::Status error)
      : Waiter(/*blocks=*/false),
        context_(context),
        shard_handle_(shard_handle),
        error_(std::move(error)) {}

  ~FailoverEndAwaiter() {
    if (suspended_) internal::BufferAccess::Cancel(*this);
  }

  bool await_ready() const { return internal::BufferAccess::Passes(shard_handle_, error_); }

  bool await_suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    // Before Submit: as soon as it holds the waiter, another thread may resume the coroutine, and
    // *this may be gone.
    suspended_ = true;
    using internal::BufferAccess;
    absl::Status refusal;
    const BufferAccess::Result result =
        BufferAccess::Submit(context_, shard_handle_, error_, this, &refusal);
    if (result == BufferAccess::Result::kHeld) return true;
    suspended_ = false;
    refusal_ = std::move(refusal);
    return false;
  }

  absl::StatusOr<RetryDoneFunc> await_resume() {
    if (std::exchange(suspended_, false)) return internal::BufferAccess::ResultOf(*this, error_);
    if (!refusal_.ok()) return std::move(refusal_);
    return RetryDoneFunc();
  }

 private:
  void Complete() noexcept override { coroutine_.resume(); }

  const RequestContext context_;
  const ShardHandle shard_handle_;
  const absl::Status error_;
  absl::Status refusal_;
  std::coroutine_handle<> coroutine_;
  bool suspended_ = false;
};

// The handle knows its Buffer; naming it keeps the call in line with the others.
inline FailoverEndAwaiter AwaitFailoverEnd(Buffer& /*buffer*/, const RequestContext& context,
                                           ShardHandle shard, absl::Status error) {
  return FailoverEndAwaiter(context, shard, std::move(error));
}

}  // namespace failover

#endif  // FAILOVER_COROUTINE_H_
