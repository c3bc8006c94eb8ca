// These tests cover planned switchovers: the ways in, the transactions that are left, and the log.
#include "failover/switchover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "switchover_fixture.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

// ---- The way in ---------------------------------------------------------------------------------

TEST_F(SwitchoverTest, WithNothingInFlightItIsQuietAtOnce) {
  Switchover switchover = Begin();
  const SwitchoverProgress progress = switchover.progress();
  EXPECT_EQ(progress.stage, SwitchoverStage::kAllHeld);
  EXPECT_TRUE(progress.quiet);
  EXPECT_EQ(progress.in_flight, WorkInFlight());
  EXPECT_FALSE(progress.end.has_value());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_TRUE(Look(switchover).ok());
}

TEST_F(SwitchoverTest, AnInertHandleIsAnError) {
  EXPECT_EQ(Refusal(ShardHandle()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SwitchoverTest, ABadOptionIsNamed) {
  SwitchoverOptions options;
  options.transaction_grace = absl::Seconds(-1);
  EXPECT_THAT(Refusal(shard(), options).message(), HasSubstr("transaction_grace"));
  options = {};
  for (const absl::Duration bad :
       {absl::ZeroDuration(), absl::Seconds(-1), absl::Seconds(10) + absl::Nanoseconds(1),
        absl::InfiniteDuration()}) {
    options.hold_timeout = bad;
    const absl::Status refusal = Refusal(shard(), options);
    EXPECT_EQ(refusal.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(refusal.message(), HasSubstr("hold_timeout"));
  }
  options = {};
  options.on_overdue = static_cast<OnOverdue>(7);
  EXPECT_THAT(Refusal(shard(), options).message(), HasSubstr("on_overdue"));
  options = {};
  options.release = static_cast<SwitchoverRelease>(7);
  EXPECT_THAT(Refusal(shard(), options).message(), HasSubstr("release"));
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(SwitchoverTest, ItNeedsAnIdleShard) {
  {
    const AsyncRequest request = Fail();
    EXPECT_EQ(Refusal(shard()).code(), absl::StatusCode::kFailedPrecondition);
    EndFailover();
    PollAll();
    ASSERT_EQ(Stats().state, State::kDraining);
    EXPECT_EQ(Refusal(shard()).code(), absl::StatusCode::kFailedPrecondition);
  }
  ASSERT_EQ(Stats().state, State::kIdle);
  const Switchover switchover = Begin();
  EXPECT_EQ(Refusal(shard()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SwitchoverTest, ItNeedsAShardThatBuffers) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  EXPECT_EQ(Refusal(shard()).code(), absl::StatusCode::kFailedPrecondition);
  options.dry_run = true;
  Create(options);
  EXPECT_EQ(Refusal(shard()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SwitchoverTest, NoneBeginsAfterShutdown) {
  const ShardHandle known = shard();
  buffer().Shutdown();
  EXPECT_EQ(Refusal(known).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SwitchoverTest, ItNeedsNoBudgetAndMeetsNoGuard) {
  EndFailover();
  for (int i = 0; i < 5; ++i) {
    Switchover switchover = Begin();
    Advance(absl::Seconds(9));
    EXPECT_TRUE(switchover.Abort());
    PollAll();
  }
  AdvanceBeyondGuards();
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

// ---- Transactions that are left -----------------------------------------------------------------

TEST_F(SwitchoverTest, TransactionsThatAreLeftCallItOff) {
  RetryDoneFunc transaction = Transaction();
  Switchover switchover = Begin();
  AsyncRequest held = Request(As(Work::kTransaction));
  Advance(absl::Seconds(3) - absl::Nanoseconds(1));
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kTransactionsEnd);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kOverdue);
  EXPECT_EQ(At(Stats().stops, StopReason::kManual), 1u);
  EXPECT_TRUE(held.released());
  EXPECT_TRUE(absl::IsAborted(Look(switchover)));
  EXPECT_TRUE(absl::IsAborted(switchover.Commit()));
}

TEST_F(SwitchoverTest, ItMayProceedWithoutThem) {
  RetryDoneFunc statement = Statement();
  RetryDoneFunc transaction = Transaction();
  SwitchoverOptions options;
  options.on_overdue = OnOverdue::kProceed;
  Switchover switchover = Begin(options);
  Advance(absl::Seconds(3));
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_TRUE(Request(As(Work::kStatement)).held());
  EXPECT_TRUE(absl::IsDeadlineExceeded(Look(switchover)));
  statement();
  const absl::StatusOr<WorkInFlight> left = switchover.WaitUntilQuiet(absl::ZeroDuration());
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(*left, (WorkInFlight{0, 1}));
  EXPECT_FALSE(switchover.progress().quiet);
  transaction();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(SwitchoverTest, AGraceOfZeroWaitsForNoTransaction) {
  RetryDoneFunc transaction = Transaction();
  SwitchoverOptions options;
  options.transaction_grace = absl::ZeroDuration();
  Switchover switchover = Begin(options);
  PollAll();
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kOverdue);
}

// ---- Log lines ----------------------------------------------------------------------------------

TEST_F(SwitchoverTest, TheLogTellsWhatHappens) {
  {
    Switchover switchover = Begin();
    EXPECT_THAT(log_.LinesWith(": starting buffering").front(), HasSubstr("a planned switchover"));
    EXPECT_EQ(log_.Count("the planned switchover is quiet"), 1u);
    EXPECT_TRUE(switchover.Commit().ok());
  }
  EXPECT_EQ(log_.Count("the planned switchover ended, because it was committed"), 1u);
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  Switchover switchover = Begin();
  Advance(absl::Seconds(10));
  EXPECT_EQ(log_.Count("because it was not committed within hold_timeout"), 1u);
  EXPECT_EQ(log_.Count("because the planned switchover took too long"), 1u);
}

}  // namespace
}  // namespace failover::test
