// These tests cover Shutdown: it releases every held request, holds no new one, and leaves nothing
// behind.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class ShutdownTest : public BufferTest {
 protected:
  BufferedRequest Hold(WaitCallback callback) {
    absl::StatusOr<BufferedRequest> request =
        buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), std::move(callback));
    EXPECT_TRUE(request.ok() && *request);
    return request.ok() ? *std::move(request) : BufferedRequest();
  }
  std::uint64_t Skipped() { return At(Stats().requests_skipped, SkippedReason::kShutdown); }
};

TEST_F(ShutdownTest, AllThatIsHeldIsReleasedForARetryAtOnce) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 5; ++i) requests.push_back(Fail());
  requests.push_back(FailOn(Shard("1")));
  buffer().Shutdown();
  for (AsyncRequest& request : requests) {
    ASSERT_TRUE(request.released());
    EXPECT_EQ(request.released_by(), StopReason::kShutdown);
    EXPECT_EQ(request.runs(), 1);
  }
  EXPECT_EQ(Stats().requests_drained, 5u);
}

TEST_F(ShutdownTest, ADrainThatIsUnderWayReleasesTheRestWithItsOwnReason) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  AsyncRequest third = Request();
  EndFailover();
  buffer().Shutdown();
  ASSERT_TRUE(third.released());
  EXPECT_EQ(second.released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(third.released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(At(Stats().stops, StopReason::kShutdown), 0u);
}

TEST_F(ShutdownTest, CallbacksThatWereDueButHadNotRunRun) {
  AsyncRequest request = Fail();
  Report(1, true, 1);
  buffer().Shutdown();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kNewPrimarySeen);
}

TEST_F(ShutdownTest, AnIdleShardStopsNothing) {
  shard();
  buffer().Shutdown();
  EXPECT_EQ(Sum(Stats().stops), 0u);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ShutdownTest, InManualModeTheGraceIsZeroAndTokensAreInert) {
  BufferOptions options = ManualOptions();
  options.shutdown_grace = absl::Hours(1);
  Create(options);
  AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
  EXPECT_EQ(Stats().state, State::kIdle);
  request.token()(absl::OkStatus());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().retries_succeeded, 0u);
}

TEST_F(ShutdownTest, ItIsIdempotent) {
  const AsyncRequest request = Fail();
  buffer().Shutdown();
  const ShardStats before = Stats();
  buffer().Shutdown();
  buffer().Shutdown();
  EXPECT_EQ(request.runs(), 1);
  EXPECT_EQ(Sum(Stats().stops), Sum(before.stops));
}

TEST_F(ShutdownTest, TheDestructorShutsDown) {
  const AsyncRequest request = Fail();
  Destroy();
  EXPECT_TRUE(request.released());
  absl::StatusOr<std::unique_ptr<Buffer>> own = Buffer::Create(ManualOptions());
  ASSERT_TRUE(own.ok());
  AsyncRequest held(**own, (*own)->GetShard("ks", "0"), FailoverError(), {});
  own->reset();
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kShutdown);
}

// ---- After the shutdown ------------------------------------------------------------------------

TEST_F(ShutdownTest, RequestsPassAndAreCounted) {
  const ShardHandle handle = shard();
  buffer().Shutdown();
  EXPECT_TRUE(FailOn(handle).passed());
  EXPECT_TRUE(RequestTo(handle).passed());
  const absl::StatusOr<RetryDoneFunc> blocking =
      buffer().WaitForFailoverEnd({}, "ks", "0", FailoverError());
  ASSERT_TRUE(blocking.ok());
  EXPECT_FALSE(*blocking);
  EXPECT_EQ(Skipped(), 3u);
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(ShutdownTest, AnErrorThatNoFailoverCausedIsNotCounted) {
  const ShardHandle handle = shard();
  buffer().Shutdown();
  EXPECT_TRUE(AsyncRequest(buffer(), handle, OtherError(), {}).passed());
  EXPECT_EQ(Skipped(), 0u);
}

TEST_F(ShutdownTest, AKnownShardIsStillFoundAnUnknownOneIsInert) {
  const ShardHandle handle = shard();
  buffer().Shutdown();
  EXPECT_EQ(shard(), handle);
  EXPECT_FALSE(Shard("new"));
  EXPECT_TRUE(FailOn(Shard("new")).passed());
  EXPECT_EQ(buffer().Stats().shards.size(), 1u);
}

TEST_F(ShutdownTest, ACallForAnUnknownShardPasses) {
  buffer().Shutdown();
  const absl::StatusOr<RetryDoneFunc> blocking =
      buffer().WaitForFailoverEnd({}, "ks", "new", FailoverError());
  ASSERT_TRUE(blocking.ok());
  EXPECT_FALSE(*blocking);
  const absl::StatusOr<BufferedRequest> async = buffer().WaitForFailoverEndAsync(
      {}, "ks", "new", FailoverError(), [](absl::StatusOr<RetryDoneFunc>) { FAIL(); });
  ASSERT_TRUE(async.ok());
  EXPECT_FALSE(*async);
  EXPECT_FALSE(buffer().GetShardStats("ks", "new").has_value());
}

TEST_F(ShutdownTest, TheFeedsAreIgnored) {
  shard();
  buffer().Shutdown();
  Report(1, true, 1);
  Report(1, false, 1);
  Report(2, true, 2, "new");
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  EXPECT_EQ(Sum(Stats().stops), 0u);
  EXPECT_EQ(buffer().Stats().shards.size(), 1u);
}

TEST_F(ShutdownTest, AnOperatorCannotStartOrStopAnything) {
  const ShardHandle handle = shard();
  buffer().Shutdown();
  EXPECT_FALSE(buffer().StartBuffering(handle, "a test"));
  EXPECT_FALSE(buffer().StopBuffering(handle));
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(ShutdownTest, TimePassesWithoutEffect) {
  const AsyncRequest request = Fail();
  buffer().Shutdown();
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(buffer().Poll(), absl::InfiniteDuration());
  EXPECT_EQ(request.runs(), 1);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kWindowExceeded), 0u);
}

TEST_F(ShutdownTest, StatsAreStillThere) {
  const AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(At(Stats().stops, StopReason::kShutdown), 1u);
  int visited = 0;
  buffer().ForEachShard([&visited](const ShardStats&) { ++visited; });
  EXPECT_EQ(visited, 1);
}

TEST_F(ShutdownTest, APrimaryThatIsKnownToBeDownHoldsNobody) {
  Report(1, true, 1);
  Report(1, false, 1);
  buffer().Shutdown();
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Skipped(), 1u);
}

// ---- Shutdown inside a callback ----------------------------------------------------------------

TEST_F(ShutdownTest, InsideACallbackItDoesNotWaitAndTheRestRunsAfterwards) {
  std::optional<AsyncRequest> other;
  bool other_had_run = true;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    buffer().Shutdown();
    other_had_run = other->done();
  });
  other.emplace(Request());
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  buffer().Poll();
  EXPECT_FALSE(other_had_run);
  EXPECT_TRUE(other->released());
}

TEST_F(ShutdownTest, InsideACallbackItClosesTheBufferAtOnce) {
  bool passed = false;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    buffer().Shutdown();
    passed = FailOn(Shard("0")).passed() && !Shard("new");
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  buffer().Poll();
  EXPECT_TRUE(passed);
  EXPECT_EQ(Skipped(), 1u);
}

TEST_F(ShutdownTest, TheNextShutdownJoinsTheOneInsideACallback) {
  RetryDoneFunc token;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc> done) {
    token = *std::move(done);
    buffer().Shutdown();
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  buffer().Poll();
  EXPECT_EQ(Stats().requests_retrying, 1u);
  buffer().Shutdown();
  EXPECT_EQ(Stats().requests_retrying, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(ShutdownTest, ACallbackOfShutdownMayCallShutdown) {
  int runs = 0;
  const BufferedRequest first = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    ++runs;
    buffer().Shutdown();
  });
  const AsyncRequest second = Request();
  buffer().Shutdown();
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(second.released());
}

TEST_F(ShutdownTest, DestroyingTheBufferInsideACallbackIsLoggedAndTheRestRunsAfterwards) {
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(ManualOptions());
  ASSERT_TRUE(made.ok());
  std::unique_ptr<Buffer> own = *std::move(made);
  Buffer& watched = *own;
  const ShardHandle handle = watched.GetShard("ks", "0");
  absl::StatusOr<BufferedRequest> first = watched.WaitForFailoverEndAsync(
      {}, handle, FailoverError(), [&own](absl::StatusOr<RetryDoneFunc>) { own.reset(); });
  ASSERT_TRUE(first.ok());
  const AsyncRequest second(watched, handle, FailoverError(), {});
  EXPECT_TRUE(watched.StopBuffering(handle));
  watched.Poll();
  EXPECT_EQ(own, nullptr);
  EXPECT_TRUE(second.released());
  EXPECT_EQ(log_.Count("error: a Buffer was destroyed inside one of its own callbacks"), 1u);
}

// ---- Other threads -----------------------------------------------------------------------------

TEST_F(ShutdownTest, ItWaitsForAPollThatRunsOnAnotherThread) {
  Signal callback_runs;
  Signal shutdown_begins;
  bool callback_finished = false;
  const BufferedRequest request = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(shutdown_begins.Await());
    callback_finished = true;
  });
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  std::thread poller([this] { buffer().Poll(); });
  ASSERT_TRUE(callback_runs.Await());
  shutdown_begins.Give();
  buffer().Shutdown();
  EXPECT_TRUE(callback_finished);
  poller.join();
}

TEST_F(ShutdownTest, AConcurrentShutdownWaitsForTheFirst) {
  Signal callback_runs;
  Signal second_begins;
  bool callback_finished = false;
  const BufferedRequest request = Hold([&](absl::StatusOr<RetryDoneFunc>) {
    callback_runs.Give();
    EXPECT_TRUE(second_begins.Await());
    callback_finished = true;
  });
  std::thread first([this] { buffer().Shutdown(); });
  ASSERT_TRUE(callback_runs.Await());
  second_begins.Give();
  buffer().Shutdown();
  EXPECT_TRUE(callback_finished);
  first.join();
}

}  // namespace
}  // namespace failover::test
