// Tests of Poll: what it runs, what it returns, and when it does nothing.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/counted_clock.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

constexpr absl::Duration kNothing = absl::InfiniteDuration();

RequestContext Timeout(absl::Duration timeout) {
  RequestContext context;
  context.timeout = timeout;
  return context;
}

class PollTest : public BufferTest {
 protected:
  BufferedRequest Hold(WaitCallback callback) {
    absl::StatusOr<BufferedRequest> request =
        buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), std::move(callback));
    EXPECT_TRUE(request.ok() && *request);
    return request.ok() ? *std::move(request) : BufferedRequest();
  }
};

// ---- What it returns ---------------------------------------------------------------------------

TEST_F(PollTest, NothingIsWaiting) {
  EXPECT_EQ(buffer().Poll(), kNothing);
  shard();
  EXPECT_EQ(buffer().Poll(), kNothing);
}

TEST_F(PollTest, TheEndOfTheWindow) {
  const AsyncRequest request = Fail();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  clock_.Advance(absl::Milliseconds(2500));
  EXPECT_EQ(buffer().Poll(), absl::Milliseconds(7500));
}

TEST_F(PollTest, ATimeoutThatIsShorter) {
  const AsyncRequest request = Fail(Timeout(absl::Seconds(3)));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(3));
}

TEST_F(PollTest, TheShortestOfTheTimeouts) {
  const AsyncRequest first = Fail(Timeout(absl::Seconds(8)));
  const AsyncRequest second = Request(Timeout(absl::Seconds(2)));
  const AsyncRequest third = Request(Timeout(absl::Seconds(5)));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(2));
}

TEST_F(PollTest, TheEndOfTheLongestDurationIfNobodyIsHeld) {
  { const AsyncRequest cancelled = Fail(); }
  EXPECT_EQ(buffer().Poll(), absl::Seconds(20));
}

TEST_F(PollTest, WhatIsNextAfterACancel) {
  AsyncRequest request = Fail(Timeout(absl::Seconds(3)));
  const AsyncRequest other = Request(Timeout(absl::Seconds(7)));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(3));
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_EQ(buffer().Poll(), absl::Seconds(7));
}

TEST_F(PollTest, TheOverdueRetryOnceTheFailoverIsOver) {
  AsyncRequest request = Fail();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  EndFailover();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(20));
  EXPECT_EQ(Stats().state, State::kDraining);
}

TEST_F(PollTest, NothingOnceTheDrainIsOver) {
  AsyncRequest request = Fail();
  EndFailover();
  request.EndRetry();
  EXPECT_EQ(PollAll(), kNothing);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(PollTest, TheWindowOfWhatWaitsForItsTurnInADrain) {
  const AsyncRequest first = Fail();
  clock_.Advance(absl::Seconds(4));
  const AsyncRequest second = Request();
  EndFailover();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
}

TEST_F(PollTest, TheEarliestOfAllShards) {
  const AsyncRequest here = FailOn(Shard("0"));
  clock_.Advance(absl::Seconds(6));
  const AsyncRequest there = FailOn(Shard("1"));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(4));
  EXPECT_TRUE(buffer().StopBuffering(Shard("0")));
  EXPECT_EQ(PollAll(), absl::Seconds(10));
}

TEST_F(PollTest, ZeroMeansCallAgainAndEventuallyAllHasRun) {
  constexpr int kMany = 5000;
  BufferOptions options = ManualOptions();
  options.size = kMany;
  options.drain_concurrency = kMany;
  Create(options);
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < kMany; ++i) requests.push_back(Fail());
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(buffer().Poll(), absl::ZeroDuration()) << "5000 callbacks starve the event loop";
  EXPECT_FALSE(requests.back().done());
  EXPECT_EQ(PollAll(), absl::Seconds(20));
  for (const AsyncRequest& request : requests) EXPECT_EQ(request.runs(), 1);
}

// ---- What it runs ------------------------------------------------------------------------------

TEST_F(PollTest, WhatBecameDueLongAgoRuns) {
  const AsyncRequest request = Fail();
  clock_.Advance(absl::Hours(24));
  buffer().Poll();
  EXPECT_TRUE(request.released());
}

TEST_F(PollTest, AllShardsThatAreDue) {
  const AsyncRequest here = FailOn(Shard("0"));
  const AsyncRequest there = FailOn(Shard("1"));
  clock_.Advance(absl::Seconds(10));
  buffer().Poll();
  EXPECT_TRUE(here.released());
  EXPECT_TRUE(there.released());
}

TEST_F(PollTest, NothingBeforeItsTime) {
  const AsyncRequest request = Fail();
  for (int i = 0; i < 9; ++i) {
    clock_.Advance(absl::Seconds(1));
    buffer().Poll();
  }
  EXPECT_FALSE(request.done());
}

TEST_F(PollTest, ACallbackMayHoldItsNextRequest) {
  std::optional<AsyncRequest> next;
  const BufferedRequest request = Hold([&](absl::StatusOr<RetryDoneFunc> done) {
    (*done)(OtherError());
    next.emplace(FailOn(Shard("1")));
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  EXPECT_TRUE(next->held());
}

TEST_F(PollTest, ATurnReadsTheClockAsOftenForManyRetriesAsForOne) {
  const auto readings_for = [this](int requests) {
    CountedClock clock;
    BufferOptions options = ManualOptions();
    options.clock = &clock;
    Create(options);
    std::vector<BufferedRequest> held;
    for (int i = 0; i < requests; ++i) {
      held.push_back(Hold([](absl::StatusOr<RetryDoneFunc> done) { (*done)(); }));
    }
    EndFailover();
    const int before = clock.readings();
    buffer().Poll();
    EXPECT_EQ(Stats().requests_drained, static_cast<std::uint64_t>(requests));
    EXPECT_EQ(Stats().state, State::kIdle);
    const int readings = clock.readings() - before;
    held.clear();
    Create(ManualOptions());
    return readings;
  };
  EXPECT_EQ(readings_for(10), readings_for(1));
}

// The retry that a callback ends counts as ended when the turn began, also if the clock has moved
// on meanwhile. The next request of the drain is let go at that time, too.
TEST_F(PollTest, WhatACallbackEndsCountsAsDoneAtTheBeginOfTheTurn) {
  const BufferedRequest first = Hold([this](absl::StatusOr<RetryDoneFunc> done) {
    clock_.Advance(absl::Seconds(2));
    (*done)();
  });
  AsyncRequest second = Fail();
  EndFailover();
  buffer().Poll();
  ASSERT_TRUE(second.released());
  // max_retry_time is 20 s by default.
  EXPECT_EQ(buffer().Poll(), absl::Seconds(18));
}

// ---- When it does nothing ----------------------------------------------------------------------

TEST_F(PollTest, InsideACallback) {
  std::optional<absl::Duration> inner;
  const BufferedRequest first =
      Hold([&](absl::StatusOr<RetryDoneFunc>) { inner = buffer().Poll(); });
  AsyncRequest second = FailOn(Shard("1"));
  EXPECT_TRUE(buffer().StopBuffering(Shard("0")));
  EXPECT_TRUE(buffer().StopBuffering(Shard("1")));
  buffer().Poll();
  EXPECT_EQ(inner, kNothing);
  EXPECT_EQ(second.runs(), 1);
}

TEST_F(PollTest, ConcurrentWithAnother) {
  Signal callback_runs;
  Signal polled;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(polled.Await());
  });
  AsyncRequest second = FailOn(Shard("1"));
  EXPECT_TRUE(buffer().StopBuffering(Shard("0")));
  EXPECT_TRUE(buffer().StopBuffering(Shard("1")));
  std::thread poller([this] { buffer().Poll(); });
  ASSERT_TRUE(callback_runs.Await());
  EXPECT_EQ(buffer().Poll(), kNothing);
  EXPECT_EQ(second.runs(), 0);
  polled.Give();
  poller.join();
  EXPECT_EQ(second.runs(), 1);
}

TEST_F(PollTest, AfterShutdown) {
  const AsyncRequest request = Fail();
  EXPECT_EQ(buffer().Poll(), absl::Seconds(10));
  buffer().Shutdown();
  EXPECT_EQ(buffer().Poll(), kNothing);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(buffer().Poll(), kNothing);
  EXPECT_EQ(request.runs(), 1);
}

TEST_F(PollTest, InServiceMode) {
  BufferOptions options = ManualOptions();
  options.threading = Threading::kServiceThread;
  Create(options);
  const AsyncRequest request = Fail();
  EXPECT_EQ(buffer().Poll(), kNothing);
}

TEST_F(PollTest, WhenNothingIsEnabled) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(buffer().Poll(), kNothing);
}

}  // namespace
}  // namespace failover::test
