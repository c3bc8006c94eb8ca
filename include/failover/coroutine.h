// co_await for WaitForFailoverEnd (C++20). The waiter lives in the coroutine's frame, so nothing is
// allocated.
//
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       co_await failover::AwaitFailoverEnd(*buffer, {}, shard, error);
//
// The results are those of Buffer::WaitForFailoverEnd. With a std::stop_token as the last argument,
// a request to stop resumes the coroutine with kCancelled. A coroutine that is held is resumed on
// the service thread (Threading::kManual: inside Poll or Shutdown). Change to your own executor
// from there. A suspended coroutine may be destroyed, which cancels the wait. It must not be
// destroyed while it is being resumed. So destroy it in kManual only, on the thread that polls; in
// kServiceThread use RequestContext::cancellation or a std::stop_token for requests that must be
// cancelled: the coroutine is resumed with kCancelled, in the place where all coroutines are. The
// Cancellation must live until then. Both cost one allocation, together or alone. Shutdown resumes
// all held coroutines. With RequestContext::inbox, a coroutine is resumed inside Inbox::Poll, and
// may be destroyed on the thread of the inbox at any time while it is suspended.
//
// g++ 12 destroys an argument of the form `failed ? Error() : absl::OkStatus()` twice if it stands
// in the expression of a co_await, whatever function takes the argument (a bug of that compiler).
// A choice between two variables is safe. For a choice between temporaries give the wait a name:
//
//   auto wait = failover::AwaitFailoverEnd(*buffer, {}, shard, failed ? Error() :
//   absl::OkStatus()); absl::StatusOr<failover::RetryDoneFunc> done = co_await wait;
#ifndef FAILOVER_COROUTINE_H_
#define FAILOVER_COROUTINE_H_

#include <cassert>
#include <coroutine>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/waiter.h"
#include "failover/request_context.h"

namespace failover {

// Must be awaited once, by the coroutine that made it. Neither copied nor moved.
class [[nodiscard]] FailoverEndAwaiter final : private internal::Waiter {
 public:
  FailoverEndAwaiter(const RequestContext& context, ShardHandle shard, LastAttempt&& last)
      : Waiter(internal::BufferAccess::GateOf(shard), /*blocks=*/false),
        context_(context),
        error_(last.view().error != nullptr ? *last.view().error : absl::OkStatus()),
        last_(std::move(last)) {}

  ~FailoverEndAwaiter() {
    if (!suspended_) return;
    internal::BufferAccess::EndHooks(hooks_);
    internal::BufferAccess::Cancel(*this);
  }

  bool await_ready() const { return internal::BufferAccess::Passes(*this, context_.work, last_); }

  bool await_suspend(std::coroutine_handle<> coroutine) { return Suspend(coroutine, nullptr); }

  absl::StatusOr<RetryDoneFunc> await_resume() {
    if (std::exchange(suspended_, false)) return internal::BufferAccess::ResultOf(*this, error_);
    if (refused_) return std::move(error_);
    return internal::BufferAccess::PassedToken(*this);
  }

 private:
  friend class StoppableFailoverEndAwaiter;

  // `stop` may be nullptr. Otherwise it must live as long as *this.
  bool Suspend(std::coroutine_handle<> coroutine, Cancellation* stop) {
    coroutine_ = coroutine;
    // This is set before Submit: as soon as Submit holds the waiter, another thread may resume the
    // coroutine, and *this may be gone.
    suspended_ = true;
    using internal::BufferAccess;
    absl::Status refusal;
    // A wait that has a name may outlive the error that it was made from, so the copy is shown.
    internal::AttemptView last = last_.view();
    if (last.error != nullptr) last.error = &error_;
    const BufferAccess::Result result =
        BufferAccess::Submit(context_, stop, last, this, &hooks_, &refusal);
    if (result == BufferAccess::Result::kHeld) return true;
    suspended_ = false;
    refused_ = result == BufferAccess::Result::kRefused;
    error_ = std::move(refusal);
    return false;
  }

  void Complete() noexcept override {
    internal::BufferAccess::EndHooks(std::exchange(hooks_, nullptr));
    coroutine_.resume();
  }
  void Discard() noexcept override {
    internal::BufferAccess::EndHooks(std::exchange(hooks_, nullptr));
  }

  const RequestContext context_;
  // The error that the request came with. If the request was refused, this is the refusal.
  absl::Status error_;
  LastAttempt last_;
  std::coroutine_handle<> coroutine_;
  internal::CancelHooks* hooks_ = nullptr;
  bool suspended_ = false;
  bool refused_ = false;
};

// Makes the awaiter. `shard` must be a handle of `buffer`.
inline FailoverEndAwaiter AwaitFailoverEnd([[maybe_unused]] Buffer& buffer,
                                           const RequestContext& context, ShardHandle shard,
                                           LastAttempt last) {
  assert(internal::BufferAccess::Owns(buffer, shard));
  return FailoverEndAwaiter(context, shard, std::move(last));
}

#if defined(__cpp_lib_jthread)

// The same with a std::stop_token. Must be awaited once, by the coroutine that made it. Neither
// copied nor moved.
class [[nodiscard]] StoppableFailoverEndAwaiter final {
 public:
  StoppableFailoverEndAwaiter(const RequestContext& context, ShardHandle shard, LastAttempt&& last,
                              std::stop_token stop)
      : stop_(std::move(stop)), wait_(context, shard, std::move(last)) {}

  bool await_ready() const { return wait_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> coroutine) {
    if (!stop_.stop_possible()) return wait_.Suspend(coroutine, nullptr);
    on_stop_.emplace(stop_, CancelIt{&stopped_});
    return wait_.Suspend(coroutine, &stopped_);
  }
  absl::StatusOr<RetryDoneFunc> await_resume() { return wait_.await_resume(); }

 private:
  struct CancelIt {
    Cancellation* cancellation;
    void operator()() const noexcept { cancellation->Cancel(); }
  };

  // The members end in the reverse order: first the wait, which uses the Cancellation, then the
  // callback, whose end waits for a call that runs on another thread, and last the Cancellation.
  Cancellation stopped_;
  const std::stop_token stop_;
  std::optional<std::stop_callback<CancelIt>> on_stop_;
  FailoverEndAwaiter wait_;
};

// Returns kCancelled when a stop is requested, or when context.cancellation is cancelled.
inline StoppableFailoverEndAwaiter AwaitFailoverEnd([[maybe_unused]] Buffer& buffer,
                                                    const RequestContext& context,
                                                    ShardHandle shard, LastAttempt last,
                                                    std::stop_token stop) {
  assert(internal::BufferAccess::Owns(buffer, shard));
  return StoppableFailoverEndAwaiter(context, shard, std::move(last), std::move(stop));
}

#endif  // __cpp_lib_jthread

}  // namespace failover

#endif  // FAILOVER_COROUTINE_H_
