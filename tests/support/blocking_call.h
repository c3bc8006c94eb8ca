// A thread inside a blocking call of a Buffer, in strict turn with the test that started it.
//
// The Buffer must be in Threading::kManual, with `wakeup` giving the Signal that is passed here: a
// request that is held sets a timer, and the wake-up for it is how the test learns that it is
// held. So each further one must have a shorter timeout than those before.
#ifndef FAILOVER_TESTS_SUPPORT_BLOCKING_CALL_H_
#define FAILOVER_TESTS_SUPPORT_BLOCKING_CALL_H_

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "thread_signal.h"

namespace failover::test {

class BlockingCall {
 public:
  using Result = absl::StatusOr<RetryDoneFunc>;

  // Returns once the call is held.
  BlockingCall(Signal& wakeup, std::function<Result()> call) {
    const int before = wakeup.given();
    thread_ = std::thread([this, call = std::move(call)] {
      result_ = call();
      returned_.Give();
    });
    EXPECT_TRUE(wakeup.Await(before + 1)) << "the call is not held";
  }
  ~BlockingCall() {
    if (thread_.joinable()) thread_.join();
  }

  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;

  bool returned() { return returned_.given() > 0; }

  // Waits for the end of the call.
  Result& result() {
    EXPECT_TRUE(returned_.Await()) << "the call does not return";
    return *result_;
  }

 private:
  std::optional<Result> result_;
  Signal returned_;
  std::thread thread_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_BLOCKING_CALL_H_
