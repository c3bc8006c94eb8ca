// co_await for Switchover::WaitUntilQuiet (C++20). The waiter lives in the coroutine's frame, so
// nothing is allocated.
//
//   absl::StatusOr<failover::WorkInFlight> quiet =
//       co_await failover::AwaitQuiet(switchover, absl::Seconds(5));
//
// Where a coroutine is resumed, and when it may be destroyed, is as in failover/coroutine.h. The
// end of the switchover resumes the coroutine, too.
#ifndef FAILOVER_COROUTINE_SWITCHOVER_H_
#define FAILOVER_COROUTINE_SWITCHOVER_H_

#include <coroutine>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/switchover.h"

namespace failover {

// Must be awaited once, by the coroutine that made it. Neither copied nor moved.
class [[nodiscard]] QuietAwaiter final : private internal::QuietWaiter {
 public:
  QuietAwaiter(Switchover& switchover, absl::Duration timeout)
      : QuietWaiter(internal::BufferAccess::GateOf(switchover), /*blocks=*/false),
        switchover_(switchover),
        timeout_(timeout) {}
  ~QuietAwaiter() {
    if (suspended_) internal::BufferAccess::CancelQuiet(*this);
  }

  bool await_ready() const { return gate == nullptr; }

  bool await_suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    // This is set before the wait begins: from then on another thread may resume the coroutine, and
    // *this may be gone.
    suspended_ = true;
    if (internal::BufferAccess::AwaitQuiet(switchover_, timeout_, this)) return true;
    suspended_ = false;
    return false;
  }

  absl::StatusOr<WorkInFlight> await_resume() {
    suspended_ = false;
    return internal::BufferAccess::QuietResultOf(*this);
  }

 private:
  void Complete() noexcept override { coroutine_.resume(); }

  Switchover& switchover_;
  const absl::Duration timeout_;
  std::coroutine_handle<> coroutine_;
  bool suspended_ = false;
};

// Makes the awaiter. `switchover` must live until the coroutine is suspended, but not until it goes
// on.
inline QuietAwaiter AwaitQuiet(Switchover& switchover, absl::Duration timeout) {
  return {switchover, timeout};
}

}  // namespace failover

#endif  // FAILOVER_COROUTINE_SWITCHOVER_H_
