// These tests cover the blocking call with a std::stop_token.
#include <gtest/gtest.h>

#include <stop_token>

#include "support/blocking_call.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class StopTokenTest : public BufferTest {
 protected:
  StopTokenTest() {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] { wakeup_.Give(); };
    Create(options);
  }

  Signal wakeup_;
  std::stop_source stop_;
};

TEST_F(StopTokenTest, ARequestToStopEndsTheWait) {
  BlockingCall call(wakeup_, [this] {
    return buffer().WaitForFailoverEnd({}, shard(), FailoverError(), stop_.get_token());
  });
  stop_.request_stop();
  EXPECT_EQ(ReasonOf(call.result().status()), BufferErrorReason::kCancelled);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(StopTokenTest, TheCancellationOfTheContextEndsItToo) {
  Cancellation cancellation;
  BlockingCall call(wakeup_, [&] {
    RequestContext context;
    context.cancellation = &cancellation;
    return buffer().WaitForFailoverEnd(context, shard(), FailoverError(), stop_.get_token());
  });
  cancellation.Cancel();
  EXPECT_EQ(ReasonOf(call.result().status()), BufferErrorReason::kCancelled);
}

TEST_F(StopTokenTest, StoppedBefore) {
  stop_.request_stop();
  EXPECT_TRUE(buffer().WaitForFailoverEnd({}, shard(), absl::OkStatus(), stop_.get_token()).ok());
  const absl::Status error =
      buffer().WaitForFailoverEnd({}, shard(), FailoverError(), stop_.get_token()).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kCancelled);
}

TEST_F(StopTokenTest, WithoutARequestToStopItWaitsForTheEnd) {
  BlockingCall call(wakeup_, [this] {
    return buffer().WaitForFailoverEnd({}, shard(), FailoverError(), stop_.get_token());
  });
  Report(1, true, 1);
  ASSERT_TRUE(call.result().ok());
  stop_.request_stop();
  EXPECT_TRUE(*call.result());
}

TEST_F(StopTokenTest, ATokenThatNobodyCanStop) {
  BlockingCall call(wakeup_, [this] {
    return buffer().WaitForFailoverEnd({}, shard(), FailoverError(), std::stop_token());
  });
  Report(1, true, 1);
  EXPECT_TRUE(call.result().ok());
}

}  // namespace
}  // namespace failover::test
