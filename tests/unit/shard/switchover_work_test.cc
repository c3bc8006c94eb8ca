// These tests cover the work that a planned switchover waits for: what is counted, and until when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "switchover_fixture.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

TEST_F(SwitchoverTest, WhileATransactionRunsOnlyNewTransactionsAreHeld) {
  RetryDoneFunc transaction = Transaction();
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kTransactionsEnd);
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{0, 1}));
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Request(As(Work::kStatement)).passed());
  const AsyncRequest held = Request(As(Work::kTransaction));
  EXPECT_TRUE(held.held());
  EXPECT_TRUE(absl::IsDeadlineExceeded(Look(switchover)));
  transaction();
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_TRUE(switchover.progress().quiet);
  EXPECT_TRUE(Request().held());
  EXPECT_TRUE(Request(As(Work::kStatement)).held());
}

TEST_F(SwitchoverTest, AStatementThatIsInFlightIsWaitedFor) {
  RetryDoneFunc first = Statement();
  RetryDoneFunc second = Statement();
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{2, 0}));
  EXPECT_THAT(Look(switchover).message(), HasSubstr("2 statements"));
  first();
  EXPECT_FALSE(switchover.progress().quiet);
  second(absl::OkStatus());
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AStatementOfTheFirstStageIsWaitedFor) {
  RetryDoneFunc transaction = Transaction();
  Switchover switchover = Begin();
  RetryDoneFunc statement = Statement();
  transaction();
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_FALSE(switchover.progress().quiet);
  { const RetryDoneFunc ends = std::move(statement); }
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, TheTokenOfAnAsynchronousRequestThatPassesCountsIt) {
  absl::StatusOr<BufferedRequest> passed = buffer().WaitForFailoverEndAsync(
      As(Work::kStatement), shard(), absl::OkStatus(), [](absl::StatusOr<RetryDoneFunc>) {});
  ASSERT_TRUE(passed.ok());
  EXPECT_FALSE(*passed);
  RetryDoneFunc token = passed->TakeToken();
  passed = BufferedRequest();
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{1, 0}));
  token();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AnEmptyHandleThatIsThrownAwayEndsTheWork) {
  static_cast<void>(buffer().WaitForFailoverEndAsync(
      As(Work::kStatement), shard(), absl::OkStatus(), [](absl::StatusOr<RetryDoneFunc>) {}));
  Switchover switchover = Begin();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, WorkThatIsTakenOutOfTheTokenCountsUntilItEnds) {
  RetryDoneFunc token = Transaction();
  WorkToken work = token.TakeWork();
  EXPECT_TRUE(work);
  EXPECT_FALSE(token.TakeWork());
  token(Attempt::kSucceeded);
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{0, 1}));
  WorkToken moved = std::move(work);
  work = std::move(moved);
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{0, 1}));
  work = WorkToken();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AHeldRequestIsNotInFlight) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request(As(Work::kStatement));
  EXPECT_TRUE(held.held());
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, ARequestThatWasHeldIsCountedFromItsReleaseOn) {
  AsyncRequest request = Fail(As(Work::kTransaction));
  ASSERT_TRUE(request.held());
  EndFailover();
  PollAll();
  ASSERT_TRUE(request.released());
  WorkToken work = request.token().TakeWork();
  request.EndRetry();
  ASSERT_EQ(Stats().state, State::kIdle);
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{0, 1}));
  work.End();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, ARequestThatIsCancelledAfterItsReleaseIsNotInFlight) {
  AsyncRequest request = Fail(As(Work::kStatement));
  // Nobody polls, so the callback does not run yet.
  Report(2, true, 2);
  EXPECT_TRUE(request.handle().Cancel());
  PollAll();
  ASSERT_EQ(Stats().state, State::kIdle);
  EXPECT_TRUE(Begin().progress().quiet);
}

TEST_F(SwitchoverTest, ARequestThatComesBackIsNotInFlightWhileItIsHeld) {
  RetryDoneFunc token = Statement();
  Switchover switchover = Begin();
  ASSERT_FALSE(switchover.progress().quiet);
  const AsyncRequest back(buffer(), shard(), LastAttempt(FailoverError()).After(std::move(token)),
                          As(Work::kStatement));
  EXPECT_TRUE(back.held());
  EXPECT_TRUE(switchover.progress().quiet);
}

// The last counted request comes back, and the Buffer turns it away.
TEST_F(SwitchoverTest, TheRefusalOfTheLastStatementMakesItQuiet) {
  RetryDoneFunc token = Statement();
  Switchover switchover = Begin();
  ASSERT_FALSE(switchover.progress().quiet);
  Cancellation cancellation;
  cancellation.Cancel();
  RequestContext context = As(Work::kStatement);
  context.cancellation = &cancellation;
  const AsyncRequest back(buffer(), shard(), LastAttempt(FailoverError()).After(std::move(token)),
                          context);
  ASSERT_TRUE(back.refused());
  EXPECT_TRUE(switchover.progress().quiet);
}

// The end of the last transaction makes the switchover hold everything, also the very request that
// brought the end.
TEST_F(SwitchoverTest, BugStaleGate_TheRequestThatEndsTheLastTransactionIsHeld) {
  for (const Work work : {Work::kUncounted, Work::kStatement, Work::kTransaction}) {
    RetryDoneFunc token = Transaction();
    Switchover switchover = Begin();
    ASSERT_EQ(switchover.progress().stage, SwitchoverStage::kTransactionsEnd);
    const AsyncRequest next(buffer(), shard(),
                            LastAttempt(absl::OkStatus()).After(std::move(token)), As(work));
    EXPECT_TRUE(next.held());
    EXPECT_TRUE(switchover.progress().quiet);
    switchover.Abort();
    PollAll();
  }
}

TEST_F(SwitchoverTest, ARequestThatComesBackAndPassesStaysCounted) {
  RetryDoneFunc token = Statement();
  absl::StatusOr<RetryDoneFunc> again = buffer().WaitForFailoverEnd(
      As(Work::kStatement), shard(), absl::OkStatus(), std::move(token));
  ASSERT_TRUE(again.ok());
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight, (WorkInFlight{1, 0}));
  (*again)();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AnErrorOfAnotherKindCountsNothing) {
  absl::StatusOr<RetryDoneFunc> token =
      buffer().WaitForFailoverEnd(As(Work::kStatement), shard(), OtherError());
  ASSERT_TRUE(token.ok());
  EXPECT_TRUE(Begin().progress().quiet);
}

TEST_F(SwitchoverTest, TheTokenOfAnotherShardIsEnded) {
  absl::StatusOr<RetryDoneFunc> other =
      buffer().WaitForFailoverEnd(As(Work::kStatement), Shard("1"), absl::OkStatus());
  ASSERT_TRUE(other.ok());
  Switchover switchover = *buffer().BeginSwitchover(Shard("1"), {});
  ASSERT_FALSE(switchover.progress().quiet);
  const AsyncRequest here(buffer(), shard(), LastAttempt(FailoverError()).After(*std::move(other)),
                          {});
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AMissedPrimaryHoldsStatementsInTheFirstStage) {
  RetryDoneFunc transaction = Transaction();
  Switchover switchover = Begin();
  Report(1, false, 1);
  EXPECT_TRUE(Request(As(Work::kStatement)).held());
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kTransactionsEnd);
  transaction();
}

}  // namespace
}  // namespace failover::test
