// These tests cover the drain: once the failover is over, the held requests are released in order,
// and no more than drain_concurrency of them retry at the same time.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class DrainTest : public BufferTest {
 protected:
  void CreateWith(std::int64_t drain_concurrency) {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = drain_concurrency;
    Create(options);
  }

  std::vector<AsyncRequest> HoldMany(int count) {
    std::vector<AsyncRequest> requests;
    for (int i = 0; i < count; ++i) requests.push_back(Fail());
    return requests;
  }

  static int Released(const std::vector<AsyncRequest>& requests) {
    int released = 0;
    for (const AsyncRequest& request : requests) released += request.released() ? 1 : 0;
    return released;
  }

  void EndRetry(AsyncRequest& request) {
    request.EndRetry();
    PollAll();
  }
};

TEST_F(DrainTest, OneAtATimeByDefault) {
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  EXPECT_EQ(Released(requests), 1);
  EndRetry(requests[0]);
  EXPECT_EQ(Released(requests), 2);
  EndRetry(requests[1]);
  EXPECT_EQ(Released(requests), 3);
}

TEST_F(DrainTest, FirstInFirstOut) {
  std::vector<AsyncRequest> requests = HoldMany(4);
  EndFailover();
  for (AsyncRequest& request : requests) {
    ASSERT_TRUE(request.released());
    EndRetry(request);
  }
}

TEST_F(DrainTest, FirstInFirstOutWithMoreConcurrencyToo) {
  CreateWith(3);
  std::string order;
  std::vector<BufferedRequest> requests;
  for (const char name : std::string("abcdef")) {
    absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(),
        [&order, name](absl::StatusOr<RetryDoneFunc>) { order += name; });
    ASSERT_TRUE(request.ok());
    requests.push_back(*std::move(request));
  }
  EndFailover();
  EXPECT_EQ(order, "abcdef");
}

TEST_F(DrainTest, AsManyAtATimeAsTheConcurrencySays) {
  CreateWith(3);
  std::vector<AsyncRequest> requests = HoldMany(5);
  EndFailover();
  EXPECT_EQ(Released(requests), 3);
  EndRetry(requests[1]);
  EXPECT_EQ(Released(requests), 4);
  EXPECT_TRUE(requests[3].released());
  EndRetry(requests[3]);
  EXPECT_EQ(Released(requests), 5);
}

TEST_F(DrainTest, MoreConcurrencyThanRequestsReleasesAll) {
  CreateWith(100);
  std::vector<AsyncRequest> requests = HoldMany(5);
  EndFailover();
  EXPECT_EQ(Released(requests), 5);
}

TEST_F(DrainTest, ATokenThatIsDroppedEndsTheRetry) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  { const RetryDoneFunc dropped = std::move(requests[0].token()); }
  PollAll();
  EXPECT_TRUE(requests[1].released());
}

TEST_F(DrainTest, AFailedRetryHandsOverTheTurnToo) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  requests[0].token()(OtherError());
  PollAll();
  EXPECT_TRUE(requests[1].released());
}

TEST_F(DrainTest, TheShardDrainsUntilTheLastRetryHasEnded) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  EndRetry(requests[0]);
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(Stats().state, State::kDraining);
  EndRetry(requests[1]);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(DrainTest, RequestsCountAsDrainedWhenTheyAreReleased) {
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  EXPECT_EQ(Stats().requests_drained, 1u);
  EXPECT_EQ(Stats().requests_held, 2u);
  EndRetry(requests[0]);
  EndRetry(requests[1]);
  EXPECT_EQ(Stats().requests_drained, 3u);
}

TEST_F(DrainTest, NewRequestsOvertakeTheQueue) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(DrainTest, TheLongestFailoverDurationDoesNotApply) {
  BufferOptions options = ManualOptions();
  options.max_retry_time = absl::Hours(2);
  Create(options);
  std::vector<AsyncRequest> requests = HoldMany(1);
  EndFailover();
  Advance(absl::Hours(1));
  EXPECT_EQ(Stats().state, State::kDraining);
  EXPECT_EQ(Sum(Stats().stops), 1u);
}

// ---- While a request waits for its turn --------------------------------------------------------

TEST_F(DrainTest, ItsWindowApplies) {
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  Advance(absl::Seconds(10));
  EXPECT_EQ(Released(requests), 3);
  EXPECT_EQ(requests[2].released_by(), std::nullopt);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kWindowExceeded), 2u);
  EXPECT_EQ(Stats().requests_drained, 1u);
}

TEST_F(DrainTest, ItsTimeoutApplies) {
  AsyncRequest first = Fail();
  RequestContext context;
  context.timeout = absl::Seconds(3);
  const AsyncRequest second = Request(context);
  EndFailover();
  Advance(absl::Seconds(3));
  EXPECT_EQ(second.reason(), BufferErrorReason::kTimeout);
  first.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(DrainTest, ItsCancelApplies) {
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  EXPECT_TRUE(requests[1].handle().Cancel());
  EndRetry(requests[0]);
  EXPECT_EQ(requests[1].runs(), 0);
  EXPECT_TRUE(requests[2].released());
}

TEST_F(DrainTest, IfAllThatWaitLeaveTheDrainEndsWithTheRetry) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  EXPECT_TRUE(requests[1].handle().Cancel());
  EXPECT_EQ(Stats().state, State::kDraining);
  EndRetry(requests[0]);
  EXPECT_EQ(Stats().state, State::kIdle);
}

// ---- Requests whose own window ended before the drain ------------------------------------------

TEST_F(DrainTest, TheyDoNotCountAgainstTheConcurrency) {
  AsyncRequest early = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(early.released());
  AsyncRequest late = Request();
  EndFailover();
  EXPECT_TRUE(late.released());
}

TEST_F(DrainTest, TheyDoNotKeepTheShardDraining) {
  AsyncRequest early = Fail();
  Advance(absl::Seconds(10));
  EndFailover();
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().requests_retrying, 1u);
}

TEST_F(DrainTest, TheirEndHandsOverNoTurn) {
  AsyncRequest early = Fail();
  Advance(absl::Seconds(10));
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  EndRetry(early);
  EXPECT_EQ(Released(requests), 1);
}

TEST_F(DrainTest, OneThatLeavesTheDrainByItsWindowHandsOverNoTurn) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  Advance(absl::Seconds(5));
  AsyncRequest third = Request();
  EndFailover();
  Advance(absl::Seconds(5));
  ASSERT_TRUE(second.released());
  EndRetry(second);
  EXPECT_FALSE(third.done());
  EndRetry(first);
  EXPECT_TRUE(third.released());
}

// ---- Requests that are released but whose callback has not run yet -----------------------------

TEST_F(DrainTest, ACancelThenHandsOverTheTurnAndFreesTheSlot) {
  std::vector<AsyncRequest> requests = HoldMany(2);
  Report(1, true, 1);
  EXPECT_TRUE(requests[0].handle().Cancel());
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  PollAll();
  EXPECT_EQ(requests[0].runs(), 0);
  EXPECT_TRUE(requests[1].released());
}

TEST_F(DrainTest, ARetryThatEndsInsideItsCallbackReleasesTheNextInTheSamePoll) {
  int ran = 0;
  std::vector<BufferedRequest> requests;
  for (int i = 0; i < 5; ++i) {
    absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(), [&ran](absl::StatusOr<RetryDoneFunc> done) {
          ++ran;
          (*done)(absl::OkStatus());
        });
    ASSERT_TRUE(request.ok());
    requests.push_back(*std::move(request));
  }
  Report(1, true, 1);
  buffer().Poll();
  EXPECT_EQ(ran, 5);
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().retries_succeeded, 5u);
}

TEST_F(DrainTest, ShardsDrainIndependently) {
  AsyncRequest here = FailOn(Shard("0"));
  AsyncRequest there = FailOn(Shard("1"));
  EndFailover("0");
  EndFailover("1");
  EXPECT_TRUE(here.released());
  EXPECT_TRUE(there.released());
}

}  // namespace
}  // namespace failover::test
