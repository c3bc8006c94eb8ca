// The default mode: the Buffer's own thread drives everything. The steps of each test go in order.
// The clock is the simulated one, so a test that advances it must make the thread look at it.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

// The result that a callback on the service thread was given.
struct Delivery {
  Signal arrived;
  std::thread::id thread;
  std::optional<absl::StatusOr<RetryDoneFunc>> result;

  WaitCallback Callback() {
    return [this](absl::StatusOr<RetryDoneFunc> done) {
      thread = std::this_thread::get_id();
      result.emplace(std::move(done));
      arrived.Give();
    };
  }
};

class ServiceThreadTest : public BufferTest {
 protected:
  ServiceThreadTest() { Create(ServiceOptions()); }

  BufferOptions ServiceOptions() {
    BufferOptions options = ManualOptions();
    options.threading = Threading::kServiceThread;
    options.shutdown_grace = absl::ZeroDuration();
    return options;
  }

  static BufferOptions RealTimeOptions() {
    BufferOptions options = UnhurriedOptions();
    options.shutdown_grace = absl::ZeroDuration();
    return options;
  }

  BufferedRequest Hold(ShardHandle shard, WaitCallback callback) {
    absl::StatusOr<BufferedRequest> request =
        buffer().WaitForFailoverEndAsync({}, shard, FailoverError(), std::move(callback));
    EXPECT_TRUE(request.ok() && *request);
    return request.ok() ? *std::move(request) : BufferedRequest();
  }

  // Makes the service thread poll. The thread has polled when this returns.
  void WakeServiceThread() {
    const ShardHandle other = Shard("to wake the service thread");
    Delivery delivery;
    EXPECT_TRUE(buffer().StartBuffering(other, "a test"));
    absl::StatusOr<BufferedRequest> request =
        buffer().WaitForFailoverEndAsync({}, other, absl::OkStatus(), delivery.Callback());
    ASSERT_TRUE(request.ok());
    EXPECT_TRUE(buffer().StopBuffering(other));
    EXPECT_TRUE(delivery.arrived.Await());
  }
};

TEST_F(ServiceThreadTest, TheThreadTakesNoSignals) {
  const ShardHandle shard = Shard("0");
  sigset_t blocked;
  sigemptyset(&blocked);
  Signal arrived;
  const BufferedRequest request = Hold(shard, [&](absl::StatusOr<RetryDoneFunc>) {
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    arrived.Give();
  });
  EXPECT_TRUE(buffer().StopBuffering(shard));
  ASSERT_TRUE(arrived.Await());
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 1);
  EXPECT_EQ(sigismember(&blocked, SIGINT), 1);
  sigset_t here;
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGTERM), 0) << "the host's own threads still do";
}

TEST_F(ServiceThreadTest, CallbacksRunOnAThreadOfTheBuffersOwn) {
  Delivery first;
  Delivery second;
  const BufferedRequest request1 = Hold(Shard("0"), first.Callback());
  const BufferedRequest request2 = Hold(Shard("1"), second.Callback());
  EXPECT_TRUE(buffer().StopBuffering(Shard("0")));
  ASSERT_TRUE(first.arrived.Await());
  EXPECT_TRUE(buffer().StopBuffering(Shard("1")));
  ASSERT_TRUE(second.arrived.Await());
  EXPECT_NE(first.thread, std::this_thread::get_id());
  EXPECT_EQ(first.thread, second.thread);
  EXPECT_TRUE(first.result->ok());
}

TEST_F(ServiceThreadTest, TheWindowEndsARequest) {
  Delivery delivery;
  const BufferedRequest request = Hold(shard(), delivery.Callback());
  clock_.Advance(absl::Seconds(10));
  WakeServiceThread();
  ASSERT_TRUE(delivery.arrived.Await());
  ASSERT_TRUE(delivery.result->ok());
  EXPECT_EQ((*delivery.result)->released_by(), std::nullopt);
}

// This test uses the real clock: a thread that sleeps for the window must be woken for a timeout
// that is shorter.
TEST_F(ServiceThreadTest, ATimeoutIsNoticedByAThreadThatSleeps) {
  BufferOptions options = RealTimeOptions();
  Create(options);
  Delivery held;
  Delivery timed_out;
  const BufferedRequest first = Hold(shard(), held.Callback());
  RequestContext context;
  context.timeout = absl::Milliseconds(1);
  absl::StatusOr<BufferedRequest> second =
      buffer().WaitForFailoverEndAsync(context, shard(), FailoverError(), timed_out.Callback());
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE(timed_out.arrived.Await());
  EXPECT_EQ(ReasonOf(timed_out.result->status()), BufferErrorReason::kTimeout);
  EXPECT_EQ(held.arrived.given(), 0);
}

TEST_F(ServiceThreadTest, ABlockingCallIsEndedByItsTimeout) {
  BufferOptions options = RealTimeOptions();
  Create(options);
  RequestContext context;
  context.timeout = absl::Milliseconds(1);
  const absl::Status error =
      buffer().WaitForFailoverEnd(context, shard(), FailoverError()).status();
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kTimeout);
}

TEST_F(ServiceThreadTest, TheDestructorOfAHandleWaitsForItsCallback) {
  Signal callback_runs;
  Signal cancel_is_lost;
  bool callback_finished = false;
  std::optional<BufferedRequest> request = Hold(shard(), [&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(cancel_is_lost.Await());
    callback_finished = true;
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  ASSERT_TRUE(callback_runs.Await());
  EXPECT_FALSE(request->Cancel());
  cancel_is_lost.Give();
  request.reset();
  EXPECT_TRUE(callback_finished);
}

// ---- Shutdown ----------------------------------------------------------------------------------

TEST_F(ServiceThreadTest, ShutdownRunsTheCallbacksBeforeItReturns) {
  std::vector<BufferedRequest> requests;
  std::atomic<int> ran{0};
  for (int i = 0; i < 5; ++i) {
    requests.push_back(Hold(shard(), [&ran](absl::StatusOr<RetryDoneFunc> done) {
      if (done.ok() && done->released_by() == StopReason::kShutdown) ++ran;
    }));
  }
  buffer().Shutdown();
  EXPECT_EQ(ran, 5);
}

TEST_F(ServiceThreadTest, ShutdownWaitsForTheRetriesThatEndWithinTheGrace) {
  BufferOptions options = ServiceOptions();
  options.shutdown_grace = absl::Hours(1);
  Create(options);
  Delivery delivery;
  const BufferedRequest request = Hold(shard(), delivery.Callback());
  bool retried = false;
  std::thread retry([&] {
    ASSERT_TRUE(delivery.arrived.Await());
    retried = true;
    (**delivery.result)(absl::OkStatus());
  });
  buffer().Shutdown();
  EXPECT_TRUE(retried);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  retry.join();
}

TEST_F(ServiceThreadTest, AfterTheGraceTokensAreInert) {
  Delivery delivery;
  const BufferedRequest request = Hold(shard(), delivery.Callback());
  buffer().Shutdown();
  ASSERT_EQ(delivery.arrived.given(), 1);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  (**delivery.result)(absl::OkStatus());
  EXPECT_EQ(Stats().retries_succeeded, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(ServiceThreadTest, ShutdownWithinACallbackReturnsAtOnceAndTheNextOneJoins) {
  Signal returned;
  const BufferedRequest request = Hold(shard(), [&](absl::StatusOr<RetryDoneFunc>) {
    buffer().Shutdown();
    returned.Give();
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  ASSERT_TRUE(returned.Await());
  buffer().Shutdown();
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(ServiceThreadTest, DestroyingTheBufferWithinACallbackIsLoggedAndTheRestRunsAfterwards) {
  // The service thread then ends on its own, maybe after this test and the clock of the test.
  const BufferOptions options = RealTimeOptions();
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(options);
  ASSERT_TRUE(made.ok());
  std::unique_ptr<Buffer> own = *std::move(made);
  Buffer& watched = *own;
  const ShardHandle handle = watched.GetShard("ks", "0");
  Signal may_destroy;
  Delivery second;
  absl::StatusOr<BufferedRequest> first_request = watched.WaitForFailoverEndAsync(
      {}, handle, FailoverError(), [&](absl::StatusOr<RetryDoneFunc>) {
        EXPECT_TRUE(may_destroy.Await());
        own.reset();
      });
  ASSERT_TRUE(first_request.ok());
  absl::StatusOr<BufferedRequest> second_request =
      watched.WaitForFailoverEndAsync({}, handle, FailoverError(), second.Callback());
  ASSERT_TRUE(second_request.ok());
  EXPECT_TRUE(watched.StopBuffering(handle));
  may_destroy.Give();
  ASSERT_TRUE(second.arrived.Await());
  EXPECT_TRUE(second.result->ok());
  EXPECT_EQ(log_.Count("error: a Buffer was destroyed inside one of its own callbacks"), 1u);
}

TEST_F(ServiceThreadTest, ABlockedCallerIsReleasedByTheDestructor) {
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(ServiceOptions());
  ASSERT_TRUE(made.ok());
  Signal started;
  log_.OnLine([&started] { started.Give(); });
  std::optional<absl::StatusOr<RetryDoneFunc>> result;
  Buffer& watched = **made;
  std::thread caller(
      [&] { result.emplace(watched.WaitForFailoverEnd({}, "ks", "0", FailoverError())); });
  // The log line about the start of buffering is written once the call is held.
  ASSERT_TRUE(started.Await());
  log_.OnLine(nullptr);
  made->reset();
  caller.join();
  ASSERT_TRUE(result->ok());
  EXPECT_TRUE(**result);
}

TEST_F(ServiceThreadTest, WithNothingEnabledThereIsNothingToDo) {
  BufferOptions options = ServiceOptions();
  options.enabled = false;
  Create(options);
  EXPECT_TRUE(Fail().passed());
  buffer().Shutdown();
  buffer().Shutdown();
}

}  // namespace
}  // namespace failover::test
