// BufferOptions::wakeup is called when Poll is due earlier than it last said, and only then.
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class WakeupTest : public BufferTest {
 protected:
  WakeupTest() {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] {
      ++wakeups_;
      if (on_wakeup_) on_wakeup_();
    };
    Create(options);
  }

  // Returns how often wakeup was called since the last question.
  int Wakeups() { return std::exchange(wakeups_, 0); }

  static RequestContext Timeout(absl::Duration timeout) {
    RequestContext context;
    context.timeout = timeout;
    return context;
  }

  std::function<void()> on_wakeup_;

 private:
  int wakeups_ = 0;
};

TEST_F(WakeupTest, NotWhileNothingIsHeld) {
  shard();
  EXPECT_TRUE(Request().passed());
  Report(1, true, 1);
  Report(1, false, 1);
  buffer().Stats();
  buffer().Poll();
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, WhenTheFirstRequestIsHeld) {
  const AsyncRequest request = Fail();
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, NotForARequestThatIsDueLater) {
  const AsyncRequest first = Fail();
  EXPECT_EQ(Wakeups(), 1);
  clock_.Advance(absl::Seconds(1));
  const AsyncRequest second = Request();
  const AsyncRequest third = FailOn(Shard("1"));
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, NotForOneThatIsDueAtTheSameTime) {
  const AsyncRequest first = Fail();
  EXPECT_EQ(Wakeups(), 1);
  const AsyncRequest second = Request();
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, ForOneThatIsDueEarlier) {
  const AsyncRequest first = Fail();
  EXPECT_EQ(Wakeups(), 1);
  const AsyncRequest second = Request(Timeout(absl::Seconds(9)));
  EXPECT_EQ(Wakeups(), 1);
  const AsyncRequest third = Request(Timeout(absl::Seconds(9)));
  EXPECT_EQ(Wakeups(), 0);
  const AsyncRequest fourth = Request(Timeout(absl::Seconds(9) - absl::Nanoseconds(1)));
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, ForOneOfAnotherShardThatIsDueEarlier) {
  const AsyncRequest first = Fail();
  EXPECT_EQ(Wakeups(), 1);
  const AsyncRequest second = FailOn(Shard("1"), Timeout(absl::Seconds(1)));
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, MeasuredAgainstWhatPollLastSaid) {
  const AsyncRequest first = Fail();
  EXPECT_EQ(Wakeups(), 1);
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  const AsyncRequest second = Request();
  EXPECT_EQ(Wakeups(), 0);
  const AsyncRequest third = Request(Timeout(absl::Seconds(4)));
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, NotIfPollSaidCallAgainAtOnce) {
  constexpr int kMany = 2000;
  BufferOptions options = ManualOptions();
  options.size = kMany + 1;
  options.drain_concurrency = kMany;
  int wakeups = 0;
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < kMany; ++i) requests.push_back(Fail());
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  ASSERT_EQ(buffer().Poll(), absl::ZeroDuration());
  wakeups = 0;
  const AsyncRequest request = FailOn(Shard("1"));
  EXPECT_TRUE(buffer().StopBuffering(Shard("1")));
  EXPECT_EQ(wakeups, 0);
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(WakeupTest, WhenRequestsAreReleasedOnceForAllOfThem) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = FailOn(Shard("1"));
  EXPECT_EQ(Wakeups(), 1);
  Report(1, true, 1, "0");
  EXPECT_EQ(Wakeups(), 1);
  Report(1, true, 1, "1");
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, WhenARequestIsEvicted) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  int wakeups = 0;
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  const AsyncRequest first = Fail();
  EXPECT_EQ(wakeups, 1);
  const AsyncRequest second = Request();
  EXPECT_EQ(wakeups, 2);
}

TEST_F(WakeupTest, WhenAnEndedRetryReleasesTheNext) {
  AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  EndFailover();
  Wakeups();
  first.EndRetry();
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, NotWhenTheLastRetryEnds) {
  AsyncRequest request = Fail();
  EndFailover();
  Wakeups();
  request.EndRetry();
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, NotForACancel) {
  AsyncRequest request = Fail();
  Wakeups();
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, OnceForAFailoverInDryRun) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  int wakeups = 0;
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(wakeups, 1) << "the longest failover duration must be watched";
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(wakeups, 1);
}

TEST_F(WakeupTest, NotForWhatPollItselfFinds) {
  AsyncRequest request = Fail();
  Wakeups();
  Advance(absl::Seconds(10));
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, NotInsideACallbackBecausePollLooksAgain) {
  std::optional<AsyncRequest> inner;
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&](absl::StatusOr<RetryDoneFunc>) {
        inner.emplace(FailOn(Shard("1"), Timeout(absl::Seconds(1))));
      });
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  Wakeups();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(1));
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, AfterPollSaidNothingIsWaitingTheNextRequestWakes) {
  { const AsyncRequest request = Fail(); }
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(PollAll(), absl::InfiniteDuration());
  AdvanceBeyondGuards();
  Wakeups();
  const AsyncRequest request = Fail();
  EXPECT_EQ(Wakeups(), 1);
}

TEST_F(WakeupTest, OnTheThreadThatMadeTheCall) {
  std::thread::id woken_on;
  on_wakeup_ = [&woken_on] { woken_on = std::this_thread::get_id(); };
  std::thread::id caller;
  std::optional<AsyncRequest> request;
  std::thread thread([&] {
    caller = std::this_thread::get_id();
    request.emplace(Fail());
  });
  thread.join();
  EXPECT_EQ(woken_on, caller);
}

// If the library held a lock here, the other thread would be blocked for good.
TEST_F(WakeupTest, NotUnderALock) {
  const ShardHandle handle = shard();
  std::uint64_t held = 0;
  on_wakeup_ = [&] {
    std::thread other([&] {
      held = Stats().requests_held;
      EXPECT_TRUE(Shard("new"));
      buffer().Poll();
    });
    other.join();
  };
  const AsyncRequest request = FailOn(handle);
  EXPECT_EQ(held, 1u);
}

TEST_F(WakeupTest, NotInServiceMode) {
  BufferOptions options = ManualOptions();
  options.threading = Threading::kServiceThread;
  options.wakeup = [] { ADD_FAILURE() << "the service thread needs no wakeup"; };
  Create(options);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(buffer().StopBuffering(shard()));
}

TEST_F(WakeupTest, NeverAfterShutdownReturned) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  buffer().Shutdown();
  Wakeups();
  first.EndRetry();
  second.EndRetry();
  EXPECT_TRUE(Fail().passed());
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_FALSE(buffer().StopBuffering(shard()));
  buffer().Poll();
  EXPECT_EQ(Wakeups(), 0);
}

TEST_F(WakeupTest, ItMayBeMissing) {
  BufferOptions options = ManualOptions();
  options.wakeup = nullptr;
  Create(options);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

// ---- Without a wakeup, Poll must be called at a fixed rate --------------------------------------

constexpr char kUnpolled[] = "warning: shard ks/0: a request is held, and Buffer::Poll was not";

class FixedRateTest : public BufferTest {
 protected:
  FixedRateTest() { Create(ManualOptions()); }
};

TEST_F(FixedRateTest, BugForgottenPoll_ALaterRequestTells) {
  const AsyncRequest held = Fail();
  clock_.Advance(absl::Seconds(1) - absl::Nanoseconds(1));
  const AsyncRequest early = Request();
  EXPECT_EQ(log_.Count(kUnpolled), 0u);
  clock_.Advance(absl::Nanoseconds(1));
  const AsyncRequest later = Request();
  EXPECT_EQ(log_.Count(kUnpolled), 1u);
}

TEST_F(FixedRateTest, BugForgottenPoll_ALaterReportTells) {
  const AsyncRequest held = Fail();
  clock_.Advance(absl::Seconds(1));
  Report(1, false, 1);
  EXPECT_EQ(log_.Count(kUnpolled), 1u);
}

TEST_F(FixedRateTest, AClockThatJumpsBeforeAPollIsNoReason) {
  const AsyncRequest held = Fail();
  clock_.Advance(absl::Seconds(5));
  buffer().Poll();
  Report(1, false, 1);
  EXPECT_EQ(log_.Count(kUnpolled), 0u);
}

TEST_F(FixedRateTest, ItIsToldOncePerBuffer) {
  for (int buffers = 1; buffers <= 2; ++buffers) {
    const AsyncRequest held = Fail();
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(absl::Seconds(1));
      Report(1, false, 1);
      buffer().Poll();
    }
    EXPECT_EQ(log_.Count(kUnpolled), static_cast<std::size_t>(buffers));
    Create(ManualOptions());
  }
}

TEST_F(FixedRateTest, WhoPollsAtAFixedRateIsNotWarned) {
  const AsyncRequest held = Fail();
  for (int i = 0; i < 30; ++i) {
    clock_.Advance(absl::Milliseconds(900));
    Report(1, false, 1);
    buffer().Poll();
  }
  EXPECT_EQ(log_.Count(kUnpolled), 0u);
}

TEST_F(FixedRateTest, NobodyNeedPollAsLongAsNothingIsHeld) {
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Hours(1));
    const AsyncRequest passed = Request();
    Report(1, true, 1);
    buffer().Poll();
  }
  clock_.Advance(absl::Hours(1));
  const AsyncRequest held = Fail();
  EXPECT_EQ(log_.Count(kUnpolled), 0u);
}

TEST_F(FixedRateTest, WithAWakeupNobodyIsWarned) {
  BufferOptions options = ManualOptions();
  options.wakeup = [] {};
  Create(options);
  const AsyncRequest held = Fail();
  clock_.Advance(absl::Seconds(5));
  Report(1, false, 1);
  buffer().Poll();
  EXPECT_EQ(log_.Count(kUnpolled), 0u);
}

}  // namespace
}  // namespace failover::test
