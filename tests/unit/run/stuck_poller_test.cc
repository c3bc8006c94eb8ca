// These tests cover blocking waits that nobody would wake: on the thread that polls itself, and
// while the thread that polls is stuck or missing.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

constexpr char kRefused[] = "a blocking wait was refused";

// ---- On the thread that polls ------------------------------------------------------------------

class WaitInCallbackTest : public BufferTest {
 protected:
  // Runs `act` inside a callback of the Buffer, on the thread that polls.
  void InCallback(const std::function<void()>& act) {
    Signal ran;
    const absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        {}, Shard("of the callback"), FailoverError(), [&](const Result&) {
          act();
          ran.Give();
        });
    ASSERT_TRUE(request.ok() && *request);
    EXPECT_TRUE(buffer().StopBuffering(Shard("of the callback")));
    buffer().Poll();
    ASSERT_TRUE(ran.Await());
    AdvanceBeyondGuards();
  }

  // What a blocking wait inside a callback answers.
  absl::Status WaitInCallback(const RequestContext& context, const absl::Status& error) {
    absl::Status status;
    InCallback([&] { status = buffer().WaitForFailoverEnd(context, shard(), error).status(); });
    return status;
  }

  void UseServiceThread() {
    BufferOptions options = ManualOptions();
    options.threading = Threading::kServiceThread;
    options.shutdown_grace = absl::ZeroDuration();
    Create(options);
  }
};

TEST_F(WaitInCallbackTest, BugWaitInCallback_InsidePollItIsRefused) {
  const absl::Status status = WaitInCallback({}, FailoverError());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("inside a callback"), std::string::npos) << status;
  EXPECT_EQ(ReasonOf(status), std::nullopt);
  // The text must not make a loop of retries believe that the server refused the statement.
  EXPECT_FALSE(buffer().IsFailover(status));
}

TEST_F(WaitInCallbackTest, BugWaitInCallback_OnTheServiceThreadItIsRefused) {
  UseServiceThread();
  EXPECT_EQ(WaitInCallback({}, FailoverError()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(log_.Count(kRefused), 1u);
}

TEST_F(WaitInCallbackTest, TheRefusalIsLoggedOncePerBuffer) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(WaitInCallback({}, FailoverError()).ok());
    // The timer ended the failover just now, so the guard counts from here.
    AdvanceBeyondGuards();
  }
  EXPECT_EQ(log_.Count(kRefused), 1u);
  Create(ManualOptions());
  EXPECT_FALSE(WaitInCallback({}, FailoverError()).ok());
  EXPECT_EQ(log_.Count(kRefused), 2u);
}

TEST_F(WaitInCallbackTest, ItStartsTheBufferingAndIsNotCounted) {
  absl::Status status;
  std::optional<ShardStats> stats;
  InCallback([&] {
    status = buffer().WaitForFailoverEnd({}, shard(), FailoverError()).status();
    stats = Stats();
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(stats->state, State::kBuffering);
  EXPECT_EQ(stats->requests_buffered, 0u);
  EXPECT_EQ(Sum(stats->requests_evicted), 0u);
  EXPECT_EQ(Sum(stats->requests_skipped), 0u);
}

TEST_F(WaitInCallbackTest, ATimeoutThatIsOverIsToldFirst) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  EXPECT_EQ(ReasonOf(WaitInCallback(context, FailoverError())), BufferErrorReason::kTimeout);
  EXPECT_EQ(log_.Count(kRefused), 0u);
}

TEST_F(WaitInCallbackTest, ACancellationIsToldFirst) {
  Cancellation cancellation;
  cancellation.Cancel();
  RequestContext context;
  context.cancellation = &cancellation;
  EXPECT_EQ(ReasonOf(WaitInCallback(context, FailoverError())), BufferErrorReason::kCancelled);
}

TEST_F(WaitInCallbackTest, WhatNeedNotBeHeldPasses) {
  EXPECT_TRUE(WaitInCallback({}, absl::OkStatus()).ok());
  EXPECT_TRUE(WaitInCallback({}, OtherError()).ok());
}

TEST_F(WaitInCallbackTest, OtherThreadsAreHeldMeanwhile) {
  Signal held;
  BufferOptions options = ManualOptions();
  options.wakeup = [&held] { held.Give(); };
  Create(options);
  Result result;
  std::thread caller;
  InCallback([&] {
    const int before = held.given();
    ASSERT_TRUE(buffer().StartBuffering(shard(), "a test"));
    caller = std::thread([&] {
      RequestContext context;
      context.timeout = absl::Seconds(1);
      result = buffer().WaitForFailoverEnd(context, shard(), absl::OkStatus());
    });
    // While a thread polls, the Buffer wakes no other. So the counters tell that the call is held.
    while (Stats().requests_held == 0) std::this_thread::yield();
    EXPECT_EQ(held.given(), before);
    EXPECT_TRUE(buffer().StopBuffering(shard()));
    caller.join();
  });
  EXPECT_TRUE(result.ok());
}

TEST_F(WaitInCallbackTest, InsideACallbackOfAnotherBufferItIsHeld) {
  // The log line of the start releases the request before the thread blocks.
  ReleaseWheneverHeld();
  BufferOptions options = ManualOptions();
  const std::unique_ptr<Buffer> other = *Buffer::Create(options);
  Result result;
  const BufferedRequest request = *other->WaitForFailoverEndAsync(
      {}, other->GetShard("ks", "other"), FailoverError(),
      [&](const Result&) { result = buffer().WaitForFailoverEnd({}, shard(), FailoverError()); });
  other->StopBuffering(other->GetShard("ks", "other"));
  other->Poll();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(*result);
}

// ---- While nobody polls ------------------------------------------------------------------------

class OwnDeadlineTest : public BufferTest {
 protected:
  // On the steady clock, and with a grace that no test waits for.
  BufferOptions RealTimeOptions(Threading threading) {
    BufferOptions options = ManualOptions();
    options.clock = nullptr;
    options.threading = threading;
    options.shutdown_grace = absl::ZeroDuration();
    return options;
  }

  Result WaitFor(absl::Duration timeout) {
    RequestContext context;
    context.timeout = timeout;
    return buffer().WaitForFailoverEnd(context, shard(), FailoverError());
  }
};

TEST_F(OwnDeadlineTest, BugNobodyPolls_ABlockedThreadKeepsItsOwnTimeout) {
  Create(RealTimeOptions(Threading::kManual));
  EXPECT_EQ(ReasonOf(WaitFor(absl::Milliseconds(1)).status()), BufferErrorReason::kTimeout);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(OwnDeadlineTest, BugNobodyPolls_ABlockedThreadKeepsItsOwnWindow) {
  BufferOptions options = RealTimeOptions(Threading::kManual);
  options.window = absl::Seconds(1);
  Create(options);
  const Result result = WaitFor(absl::InfiniteDuration());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(*result);
  EXPECT_EQ(result->released_by(), std::nullopt);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kWindowExceeded), 1u);
}

TEST_F(OwnDeadlineTest, TheClockMayBeNamed) {
  BufferOptions options = RealTimeOptions(Threading::kManual);
  options.clock = &Clock::Steady();
  Create(options);
  EXPECT_EQ(ReasonOf(WaitFor(absl::Milliseconds(1)).status()), BufferErrorReason::kTimeout);
}

TEST_F(OwnDeadlineTest, BugStuckCallback_OtherThreadsKeepTheirTimeouts) {
  Create(RealTimeOptions(Threading::kServiceThread));
  Signal stuck;
  Signal go_on;
  BufferedRequest request = *buffer().WaitForFailoverEndAsync({}, Shard("of the callback"),
                                                              FailoverError(), [&](const Result&) {
                                                                stuck.Give();
                                                                EXPECT_TRUE(go_on.Await());
                                                              });
  EXPECT_TRUE(buffer().StopBuffering(Shard("of the callback")));
  ASSERT_TRUE(stuck.Await());
  EXPECT_EQ(ReasonOf(WaitFor(absl::Milliseconds(1)).status()), BufferErrorReason::kTimeout);
  go_on.Give();
}

// The thread does all that the shard's timer would have done.
TEST_F(OwnDeadlineTest, ItLetsOthersOfItsShardGo) {
  Signal wakeup;
  BufferOptions options = RealTimeOptions(Threading::kManual);
  options.wakeup = [&wakeup] { wakeup.Give(); };
  Create(options);
  RequestContext context;
  context.timeout = absl::Nanoseconds(1);
  const AsyncRequest other = Fail(context);
  EXPECT_EQ(ReasonOf(WaitFor(absl::Milliseconds(1)).status()), BufferErrorReason::kTimeout);
  EXPECT_EQ(Stats().requests_held, 0u);
  PollAll();
  EXPECT_EQ(other.reason(), BufferErrorReason::kTimeout);
}

}  // namespace
}  // namespace failover::test
