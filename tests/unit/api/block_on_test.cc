// These tests cover the wait that parks on a baton of the embedder's runtime. Threads stand in for
// fibers here; examples/boost_fiber.cc has real ones.
#include "failover/block_on.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "support/blocking_call.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

// The plainest baton.
class PlainBaton {
 public:
  void Post() {
    const std::lock_guard<std::mutex> lock(mutex_);
    posted_ = true;
    changed_.notify_one();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return posted_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool posted_ = false;
};

// A baton whose fiber goes on only when the test says so, as a fiber whose thread is busy. The
// statics belong to one test at a time.
class LateBaton {
 public:
  void Post() {
    baton_.Post();
    posted->Give();
  }
  void Wait() {
    baton_.Wait();
    may_go_on->Await();
  }

  static std::unique_ptr<Signal> posted;
  static std::unique_ptr<Signal> may_go_on;

 private:
  PlainBaton baton_;
};
std::unique_ptr<Signal> LateBaton::posted;
std::unique_ptr<Signal> LateBaton::may_go_on;

// A baton that nobody may use.
class ForbiddenBaton {
 public:
  ForbiddenBaton() { ADD_FAILURE() << "a request that passes makes no baton"; }
  void Post() {}
  void Wait() {}
};

class BlockOnTest : public BufferTest {
 protected:
  BlockOnTest() { Create(Woken(ManualOptions())); }

  BufferOptions Woken(BufferOptions options) {
    options.wakeup = [this] { wakeup_.Give(); };
    return options;
  }
  Result Wait(LastAttempt last, const RequestContext& context = {}) {
    return WaitForFailoverEndOn<PlainBaton>(buffer(), context, shard(), std::move(last));
  }

  Signal wakeup_;
};

TEST_F(BlockOnTest, WhatNeedNotBeHeldMakesNoBaton) {
  const Result idle = WaitForFailoverEndOn<ForbiddenBaton>(buffer(), {}, shard(), absl::OkStatus());
  ASSERT_TRUE(idle.ok());
  EXPECT_FALSE(*idle);
}

TEST_F(BlockOnTest, AnotherErrorPasses) {
  const Result passed = Wait(OtherError());
  ASSERT_TRUE(passed.ok());
  EXPECT_FALSE(*passed);
}

TEST_F(BlockOnTest, AnInertHandlePasses) {
  const Result passed =
      WaitForFailoverEndOn<PlainBaton>(buffer(), {}, ShardHandle(), FailoverError());
  ASSERT_TRUE(passed.ok());
  EXPECT_FALSE(*passed);
  EXPECT_EQ(log_.Count("inert ShardHandle"), 1u);
}

TEST_F(BlockOnTest, AHeldRequestIsPostedByTheReport) {
  BlockingCall call(wakeup_, [this] { return Wait(FailoverError()); });
  EXPECT_EQ(Stats().requests_held, 1u);
  // Nobody polls: the thread that reports wakes the fiber.
  Report(1, true, 1);
  ASSERT_TRUE(call.result().ok());
  EXPECT_TRUE(*call.result());
  EXPECT_EQ(call.result()->released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(Stats().requests_retrying, 1u);
  (*call.result())(Attempt::kSucceeded);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(BlockOnTest, ItsTimeoutEndsItInsidePoll) {
  RequestContext context;
  context.timeout = absl::Seconds(2);
  BlockingCall call(wakeup_, [&] { return Wait(FailoverError(), context); });
  Advance(absl::Seconds(2));
  EXPECT_EQ(ReasonOf(call.result().status()), BufferErrorReason::kTimeout);
  EXPECT_NE(call.result().status().message().find("original error: FAILED_PRECONDITION"),
            std::string::npos);
}

TEST_F(BlockOnTest, ItsWindowEndsItInsidePoll) {
  BlockingCall call(wakeup_, [this] { return Wait(FailoverError()); });
  Advance(absl::Seconds(10));
  ASSERT_TRUE(call.result().ok());
  EXPECT_EQ(call.result()->released_by(), std::nullopt);
}

TEST_F(BlockOnTest, ACancellationEndsIt) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  BlockingCall call(wakeup_, [&] { return Wait(FailoverError(), context); });
  cancellation.Cancel();
  EXPECT_EQ(ReasonOf(call.result().status()), BufferErrorReason::kCancelled);
}

TEST_F(BlockOnTest, CancelledBeforeItIsRefused) {
  Cancellation cancellation;
  cancellation.Cancel();
  RequestContext context;
  context.cancellation = &cancellation;
  EXPECT_EQ(ReasonOf(Wait(FailoverError(), context).status()), BufferErrorReason::kCancelled);
}

TEST_F(BlockOnTest, AFullBufferRefusesIt) {
  BufferOptions options = Woken(ManualOptions());
  options.size = 1;
  Create(options);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  EXPECT_EQ(ReasonOf(Wait(FailoverError()).status()), BufferErrorReason::kBufferFull);
}

TEST_F(BlockOnTest, ARefusedRetryIsHeldAgain) {
  std::optional<Result> first;
  {
    BlockingCall call(wakeup_, [this] { return Wait(FailoverError()); });
    Report(1, true, 1);
    first.emplace(std::move(call.result()));
  }
  ASSERT_TRUE(first->ok());
  ReleaseWheneverHeld();
  const Result again = Wait(LastAttempt(FailoverError()).After(**std::move(first)));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(*again);
  EXPECT_EQ(Stats().requests_held_again, 1u);
}

// A fiber that is parked on the thread that polls would stop all timers and callbacks.
TEST_F(BlockOnTest, InsideACallbackItIsRefused) {
  std::optional<Result> inner;
  const absl::StatusOr<BufferedRequest> request =
      buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), [&](const Result&) {
        ASSERT_TRUE(buffer().StartBuffering(Shard("1"), "a test"));
        inner.emplace(WaitForFailoverEndOn<PlainBaton>(buffer(), {}, Shard("1"), absl::OkStatus()));
      });
  ASSERT_TRUE(request.ok() && *request);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  ASSERT_TRUE(inner.has_value());
  EXPECT_EQ(inner->status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(inner->status()), std::nullopt);
}

class LateFiberTest : public BlockOnTest {
 protected:
  LateFiberTest() {
    LateBaton::posted = std::make_unique<Signal>();
    LateBaton::may_go_on = std::make_unique<Signal>();
  }

  Result WaitLate(const RequestContext& context) {
    return WaitForFailoverEndOn<LateBaton>(buffer(), context, shard(), FailoverError());
  }
};

// If the destructor waited for the fiber, a program that destroys the Buffer on the thread of its
// fibers would hang.
TEST_F(LateFiberTest, TheBufferMayBeGoneBeforeTheFiberGoesOn) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  BlockingCall call(wakeup_, [&] { return WaitLate(context); });
  Destroy();
  ASSERT_TRUE(LateBaton::posted->Await());
  cancellation.Cancel();
  LateBaton::may_go_on->Give();
  ASSERT_TRUE(call.result().ok());
  EXPECT_TRUE(*call.result());
  EXPECT_EQ(call.result()->released_by(), StopReason::kShutdown);
  (*call.result())(FailoverError());
}

TEST_F(LateFiberTest, ACancelAfterTheReleaseComesTooLate) {
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  BlockingCall call(wakeup_, [&] { return WaitLate(context); });
  Report(1, true, 1);
  ASSERT_TRUE(LateBaton::posted->Await());
  cancellation.Cancel();
  LateBaton::may_go_on->Give();
  ASSERT_TRUE(call.result().ok());
  EXPECT_EQ(call.result()->released_by(), StopReason::kNewPrimarySeen);
}

}  // namespace
}  // namespace failover::test
