// co_await for the waits of a retry loop (C++20). A coroutine's loop is short then:
//
//   failover::RetrySteps steps;
//   auto step = steps.Start(now(), context);
//   while (step != failover::RetrySteps::Step::kFinish) {
//     if (step == failover::RetrySteps::Step::kWait) {
//       step = co_await failover::AwaitNextAttempt(*buffer, shard, steps, now());
//     } else {
//       const absl::Status status = co_await Execute(query);
//       step = steps.AttemptEnded(now(), status, failover::AttemptOf(*buffer, status));
//     }
//   }
//   co_return steps.result();
//
// Where a coroutine is resumed, and when it may be destroyed, is as in failover/coroutine.h.
#ifndef FAILOVER_COROUTINE_RETRY_H_
#define FAILOVER_COROUTINE_RETRY_H_

#include <coroutine>

#include "absl/time/time.h"
#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/coroutine.h"
#include "failover/retry_steps.h"

namespace failover {

// Must be awaited once, in the expression that makes it. The result is the next step: kAttempt or
// kFinish. Refers to the RetrySteps, which must live as long as the wait.
class [[nodiscard]] NextAttemptAwaiter final {
 public:
  NextAttemptAwaiter(Buffer& buffer, ShardHandle shard, RetrySteps& steps, absl::Time now)
      : steps_(steps),
        wait_(AwaitFailoverEnd(buffer, steps.context(now), shard, TakeLastAttempt(buffer, steps))) {
  }

  bool await_ready() const { return wait_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> coroutine) { return wait_.await_suspend(coroutine); }
  RetrySteps::Step await_resume() { return steps_.WaitEnded(wait_.await_resume()); }

 private:
  RetrySteps& steps_;
  FailoverEndAwaiter wait_;
};

// Makes the awaiter. For the step kWait of `steps`. `shard` must be a handle of `buffer`. `now` is
// a time on the clock that steps.Start was given.
inline NextAttemptAwaiter AwaitNextAttempt(Buffer& buffer, ShardHandle shard, RetrySteps& steps,
                                           absl::Time now) {
  return NextAttemptAwaiter(buffer, shard, steps, now);
}

}  // namespace failover

#endif  // FAILOVER_COROUTINE_RETRY_H_
