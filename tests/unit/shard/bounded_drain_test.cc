// These tests cover retries that do not end: for how long they keep their turn in a drain, and
// their shard in Draining (docs/design.md, "The drain").
#include <gtest/gtest.h>

#include <vector>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kMilli = absl::Milliseconds(1);

class BoundedDrainTest : public EvidenceTest {
 protected:
  std::vector<AsyncRequest> HoldMany(int count, const RequestContext& context = {}) {
    std::vector<AsyncRequest> requests;
    for (int i = 0; i < count; ++i) requests.push_back(Fail(context));
    return requests;
  }
  static int Released(const std::vector<AsyncRequest>& requests) {
    int released = 0;
    for (const AsyncRequest& request : requests) released += request.released() ? 1 : 0;
    return released;
  }
  void CreateWith(absl::Duration max_retry_time) {
    BufferOptions options = ManualOptions();
    options.max_retry_time = max_retry_time;
    Create(options);
  }
};

TEST_F(BoundedDrainTest, ByDefaultForTheLongestDuration) {
  AsyncRequest hangs = Fail();
  EndFailover();
  Advance(absl::Seconds(20) - kMilli);
  EXPECT_EQ(state(), State::kDraining);
  Advance(kMilli);
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Stats().retries_overdue, 1u);
}

TEST_F(BoundedDrainTest, TheTimeIsAnOption) {
  CreateWith(absl::Seconds(3));
  AsyncRequest hangs = Fail();
  AsyncRequest next = Fail();
  EndFailover();
  Advance(absl::Seconds(3) - kMilli);
  EXPECT_FALSE(next.done());
  Advance(kMilli);
  EXPECT_TRUE(next.released());
  EXPECT_EQ(Stats().requests_drained, 2u);
}

TEST_F(BoundedDrainTest, TheRequestsOwnTimeoutCountsIfThatIsEarlier) {
  RequestContext context;
  context.timeout = absl::Seconds(2);
  AsyncRequest hangs = Fail(context);
  Advance(absl::Milliseconds(500));
  EndFailover();
  Advance(absl::Milliseconds(1499));
  EXPECT_EQ(state(), State::kDraining);
  Advance(kMilli);
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Stats().retries_overdue, 1u);
}

TEST_F(BoundedDrainTest, ATimeoutThatIsLaterDoesNot) {
  CreateWith(absl::Seconds(3));
  RequestContext context;
  context.timeout = absl::Seconds(5);
  AsyncRequest hangs = Fail(context);
  EndFailover();
  Advance(absl::Seconds(3));
  EXPECT_EQ(state(), State::kIdle);
}

// Nobody polls: the time is looked at when a request comes.
TEST_F(BoundedDrainTest, ItIsLookedAtWithEachRequest) {
  CreateWith(absl::Seconds(3));
  AsyncRequest hangs = Fail();
  EndFailover();
  clock_.Advance(absl::Minutes(5));
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.held()) << "a failover of five minutes later";
}

TEST_F(BoundedDrainTest, ItIsLookedAtWithEachReport) {
  CreateWith(absl::Seconds(3));
  AsyncRequest hangs = Fail();
  EndFailover();
  clock_.Advance(absl::Seconds(3));
  Report(1, true, 1);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(BoundedDrainTest, ItIsLookedAtWithEachRetryThatEnds) {
  BufferOptions options = ManualOptions();
  options.max_retry_time = absl::Seconds(3);
  options.drain_concurrency = 2;
  Create(options);
  std::vector<AsyncRequest> requests = HoldMany(2);
  EndFailover();
  clock_.Advance(absl::Seconds(3));
  requests[0].EndRetry();
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Stats().retries_overdue, 2u);
}

TEST_F(BoundedDrainTest, TheSlotStaysTakenUntilTheTokenEnds) {
  CreateWith(absl::Seconds(3));
  AsyncRequest hangs = Fail();
  EndFailover();
  Advance(absl::Seconds(3));
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  EXPECT_EQ(Stats().requests_retrying, 1u);
  hangs.EndRetry();
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(BoundedDrainTest, TheEndOfAnOverdueRetryHandsOverNoTurn) {
  CreateWith(absl::Seconds(3));
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  Advance(absl::Seconds(3));
  ASSERT_EQ(Released(requests), 2);
  requests[0].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 2);
}

TEST_F(BoundedDrainTest, ARetryThatEndsInTimeIsNotOverdue) {
  AsyncRequest request = Fail();
  EndFailover();
  Advance(absl::Seconds(19));
  request.EndRetry();
  Advance(absl::Minutes(1));
  EXPECT_EQ(Stats().retries_overdue, 0u);
  EXPECT_EQ(log_.Count("max_retry_time"), 0u);
}

TEST_F(BoundedDrainTest, OneLogLineForAllThatAreOverdueTogether) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 4;
  Create(options);
  std::vector<AsyncRequest> requests = HoldMany(4);
  EndFailover();
  Advance(absl::Seconds(20));
  EXPECT_EQ(log_.Count("4 released retries did not end in max_retry_time"), 1u);
  EXPECT_EQ(log_.Count("warning: "), 1u);
}

TEST_F(BoundedDrainTest, AFailoverAfterARetryThatHangsIsHeld) {
  Report(1, true, 100);
  AsyncRequest hangs = Fail();
  Hear(2, true, 200);
  Advance(absl::Minutes(5));
  EXPECT_TRUE(Fail().held());
}

TEST_F(BoundedDrainTest, ARetryOfAnEarlierDrainDoesNotSlowTheNextOne) {
  Hear(1, true, 100);
  std::vector<AsyncRequest> requests = HoldMany(3);
  Hear(2, true, 200);
  ASSERT_EQ(Released(requests), 1);
  Hear(2, false, 200);
  Hear(3, true, 300);
  EXPECT_EQ(Released(requests), 2);
  requests[0].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 2) << "it has no turn in this drain";
  requests[1].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 3);
}

// ---- The turn of a request that may come back
// ------------------------------------------------------

TEST_F(BoundedDrainTest, ARetryThatMayComeBackGivesUpItsTurnAfter250Milliseconds) {
  std::vector<AsyncRequest> requests = HoldMany(3, Returning());
  EndFailover();
  Advance(absl::Milliseconds(250) - kMilli);
  EXPECT_EQ(Released(requests), 1);
  Advance(kMilli);
  EXPECT_EQ(Released(requests), 2);
  EXPECT_EQ(Stats().retries_overdue, 0u);
  requests[0].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 2) << "its turn is given up already";
}

TEST_F(BoundedDrainTest, AnotherRetryKeepsItsTurn) {
  std::vector<AsyncRequest> requests = HoldMany(3);
  EndFailover();
  Pass(absl::Seconds(5), absl::Milliseconds(50));
  EXPECT_EQ(Released(requests), 1);
}

TEST_F(BoundedDrainTest, ARetryWithoutATurnKeepsTheShardDraining) {
  AsyncRequest request = FailReturning();
  EndFailover();
  Advance(absl::Seconds(19));
  EXPECT_EQ(state(), State::kDraining);
  Advance(absl::Seconds(1));
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(BoundedDrainTest, NeverMoreAreUnendedThanTheHighestConcurrency) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency_max = 3;
  Create(options);
  std::vector<AsyncRequest> requests = HoldMany(6, Returning());
  EndFailover();
  Pass(absl::Seconds(5), absl::Milliseconds(50));
  EXPECT_EQ(Released(requests), 3);
  requests[1].EndRetry();
  PollAll();
  EXPECT_EQ(Released(requests), 4);
}

TEST_F(BoundedDrainTest, AnOverdueRetryIsUnendedNoMore) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency_max = 2;
  options.max_retry_time = absl::Seconds(1);
  Create(options);
  std::vector<AsyncRequest> requests = HoldMany(4, Returning());
  EndFailover();
  Pass(absl::Milliseconds(900), absl::Milliseconds(50));
  EXPECT_EQ(Released(requests), 2);
  Pass(absl::Milliseconds(100), absl::Milliseconds(50));
  EXPECT_EQ(Released(requests), 3);
}

TEST_F(BoundedDrainTest, AShutdownLetsAllGoAtOnce) {
  std::vector<AsyncRequest> requests = HoldMany(5);
  EndFailover();
  ASSERT_EQ(Released(requests), 1);
  buffer().Shutdown();
  EXPECT_EQ(Released(requests), 5);
}

}  // namespace
}  // namespace failover::test
