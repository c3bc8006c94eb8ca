// These tests cover BeginShutdown: a shutdown that the polling thread drives, and that waits for
// the retries without blocking anybody.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "failover/transition.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

class BeginShutdownTest : public BufferTest {
 protected:
  BeginShutdownTest() { CreateCounting(absl::Seconds(10)); }

  void CreateCounting(absl::Duration grace) {
    BufferOptions options = ManualOptions();
    options.shutdown_grace = grace;
    options.wakeup = [this] { ++wakeups_; };
    Create(options);
  }
  void Begin() {
    buffer().BeginShutdown([this] { ++done_; });
  }

  int done_ = 0;
  int wakeups_ = 0;
};

TEST_F(BeginShutdownTest, TheCallReleasesAndReturns) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(Fail());
  Begin();
  EXPECT_EQ(done_, 0);
  EXPECT_FALSE(requests[0].done()) << "callbacks run in Poll";
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Fail().passed());
  PollAll();
  for (AsyncRequest& request : requests) {
    ASSERT_TRUE(request.released());
    EXPECT_EQ(request.released_by(), StopReason::kShutdown);
    EXPECT_EQ(done_, 0) << "a retry is under way";
    request.EndRetry();
  }
  EXPECT_EQ(done_, 0) << "never inside the end of a retry";
  EXPECT_EQ(PollAll(), absl::InfiniteDuration());
  EXPECT_EQ(done_, 1);
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, TheEndOfTheLastRetryWakesThePoller) {
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Begin();
  PollAll();
  wakeups_ = 0;
  first.EndRetry();
  EXPECT_EQ(wakeups_, 0);
  second.EndRetry();
  EXPECT_EQ(wakeups_, 1);
}

TEST_F(BeginShutdownTest, TheGraceEndsByTheClockOfTheBuffer) {
  AsyncRequest request = Fail();
  Begin();
  EXPECT_EQ(PollAll(), absl::Seconds(10));
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(PollAll(), absl::Seconds(6));
  Advance(absl::Seconds(6) - absl::Nanoseconds(1));
  EXPECT_EQ(done_, 0);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  request.EndRetry();
  EXPECT_EQ(buffer().Stats().slots_free, 10u) << "the token is harmless";
}

TEST_F(BeginShutdownTest, WithoutAGraceNobodyWaitsForARetry) {
  CreateCounting(absl::ZeroDuration());
  AsyncRequest request = Fail();
  Begin();
  PollAll();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, BugSilentGrace_TheRetriesThatAreLeftAreLoggedOnce) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(Fail());
  Begin();
  PollAll();
  requests[0].EndRetry();
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_EQ(log_.Count("under way"), 0u);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(
      log_.Count("warning: the grace of the shutdown is over, and retries are still under way: 2."),
      1u);
  buffer().Shutdown();
  EXPECT_EQ(log_.Count("under way"), 1u);
}

TEST_F(BeginShutdownTest, NoRetryIsLeft) {
  AsyncRequest request = Fail();
  Begin();
  PollAll();
  request.EndRetry();
  PollAll();
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(log_.Count("under way"), 0u);
}

TEST_F(BeginShutdownTest, NothingIsHeld) {
  shard();
  Begin();
  EXPECT_EQ(wakeups_, 1);
  EXPECT_EQ(done_, 0);
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, EachCallsFunctionRunsOnce) {
  AsyncRequest request = Fail();
  Begin();
  buffer().BeginShutdown(nullptr);
  Begin();
  PollAll();
  request.EndRetry();
  PollAll();
  EXPECT_EQ(done_, 2);
  Begin();
  EXPECT_EQ(done_, 3) << "the Buffer is shut down already";
}

TEST_F(BeginShutdownTest, ASecondCallWakesNobodyWhoKnowsTheEndOfTheGrace) {
  AsyncRequest request = Fail();
  Begin();
  PollAll();
  wakeups_ = 0;
  Begin();
  EXPECT_EQ(wakeups_, 0);
  request.EndRetry();
  EXPECT_EQ(wakeups_, 1);
}

TEST_F(BeginShutdownTest, AShutdownThatComesEarlierFinishes) {
  AsyncRequest request = Fail();
  Begin();
  buffer().Shutdown();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(done_, 1);
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, ADestructorThatComesEarlierFinishes) {
  const AsyncRequest request = Fail();
  Begin();
  Destroy();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, ACallbackMayBegin) {
  absl::StatusOr<BufferedRequest> begins = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [this](absl::StatusOr<RetryDoneFunc>) { Begin(); });
  ASSERT_TRUE(begins.ok());
  AsyncRequest other = FailOn(Shard("1"));
  EndFailover();
  PollAll();
  ASSERT_TRUE(other.released());
  EXPECT_EQ(done_, 0);
  other.EndRetry();
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, AListenerMayBegin) {
  BufferOptions options = ManualOptions();
  options.on_transition = [this](const Transition& transition) {
    if (transition.to == State::kBuffering) Begin();
  };
  Create(options);
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, AShutdownInsideACallbackLeavesTheRestToThePoller) {
  Begin();
  AsyncRequest passes = Fail();
  EXPECT_TRUE(passes.passed());
  bool shut_down = false;
  buffer().BeginShutdown([&] {
    buffer().Shutdown();
    Begin();
    shut_down = true;
  });
  PollAll();
  EXPECT_TRUE(shut_down) << "inside of the function a shutdown has nothing to wait for";
  EXPECT_EQ(done_, 2);
}

TEST_F(BeginShutdownTest, TheServiceThreadFinishes) {
  BufferOptions options = UnhurriedOptions();
  Create(options);
  std::promise<RetryDoneFunc> released;
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&released](absl::StatusOr<RetryDoneFunc> done) {
        released.set_value(done.ok() ? *std::move(done) : RetryDoneFunc());
      });
  ASSERT_TRUE(request.ok() && *request);
  std::promise<std::thread::id> over;
  std::future<std::thread::id> ended = over.get_future();
  buffer().BeginShutdown([&over] { over.set_value(std::this_thread::get_id()); });
  RetryDoneFunc token = released.get_future().get();
  EXPECT_TRUE(token);
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  token();
  ASSERT_EQ(ended.wait_for(std::chrono::minutes(1)), std::future_status::ready);
  EXPECT_NE(ended.get(), std::this_thread::get_id());
}

TEST_F(BeginShutdownTest, ADisabledBufferHasNoThreadToWaitFor) {
  BufferOptions options;
  options.enabled = false;
  Create(options);
  Begin();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, TheFunctionMayLetAnotherThreadDestroyTheBuffer) {
  for (int i = 0; i < 20; ++i) {
    std::unique_ptr<Buffer> mine = *Buffer::Create({});
    std::promise<void> over;
    mine->BeginShutdown([&over] { over.set_value(); });
    over.get_future().wait();
    mine.reset();
  }
}

TEST_F(BeginShutdownTest, BugSecondGrace_AShutdownThatFollowsWaitsForTheRestOnly) {
  BufferOptions options = ManualOptions();
  options.threading = Threading::kServiceThread;
  options.shutdown_grace = absl::Hours(24);
  Create(options);
  std::promise<RetryDoneFunc> released;
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&released](absl::StatusOr<RetryDoneFunc> done) {
        released.set_value(done.ok() ? *std::move(done) : RetryDoneFunc());
      });
  ASSERT_TRUE(request.ok() && *request);
  Begin();
  const RetryDoneFunc token = released.get_future().get();
  ASSERT_TRUE(token);
  clock_.Advance(absl::Hours(24));
  buffer().Shutdown();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, BugEndlessGrace_TheEndOfTheLastRetryFinishes) {
  CreateCounting(absl::Hours(24) * 365 * 300);
  AsyncRequest request = Fail();
  Begin();
  PollAll();
  EXPECT_EQ(done_, 0);
  request.EndRetry();
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownTest, BugDestroyedInItsLateFunction_AnotherThreadEndsTheBuffer) {
  std::unique_ptr<Buffer> mine = *Buffer::Create(ManualOptions());
  mine->Shutdown();
  Buffer* const called = mine.get();
  called->BeginShutdown([&mine] { delete mine.release(); });
  EXPECT_EQ(mine, nullptr);
  EXPECT_EQ(log_.Count("error: a Buffer was destroyed inside what it calls"), 1u);
}

TEST_F(BeginShutdownTest, TheFunctionOfOneBufferMayRunThatOfAnother) {
  const std::unique_ptr<Buffer> other = *Buffer::Create(ManualOptions());
  other->Shutdown();
  bool over = false;
  buffer().BeginShutdown([&] {
    other->BeginShutdown([&] {
      buffer().Shutdown();
      other->Shutdown();
      over = true;
    });
    buffer().Shutdown();
  });
  PollAll();
  EXPECT_TRUE(over) << "in a function of its own no Buffer waits for itself";
}

TEST_F(BeginShutdownTest, ToDestroyTheBufferInTheFunctionIsLogged) {
  std::unique_ptr<Buffer> mine = *Buffer::Create(ManualOptions());
  mine->BeginShutdown([&mine] { delete mine.release(); });
  Buffer* const polled = mine.get();
  polled->Poll();
  EXPECT_EQ(mine, nullptr);
  EXPECT_EQ(log_.Count("error: a Buffer was destroyed inside what it calls"), 1u);
}

}  // namespace
}  // namespace failover::test
