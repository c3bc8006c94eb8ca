// A BlockingCall is a thread inside a blocking call of a Buffer. It runs in strict turn with the
// test that started it.
//
// The Buffer must use Threading::kManual, and its `wakeup` must give the Signal that is passed
// here. A held request sets a timer, and the wake-up for that timer tells the test that the request
// is held. A timer causes a wake-up only if it is the earliest so far. Each further call must
// therefore have a shorter timeout than the calls before it.
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

  // The constructor returns once the call is held.
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

  // Waits for the end of the call, and returns its result.
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
