// These tests cover the guards that a failed request meets, and the suspicion with which a request
// that may come back gets past them (docs/design.md, "Guards" and "Suspicion").
#include <gtest/gtest.h>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class SuspicionTest : public EvidenceTest {};

// ---- Where the guards apply ---------------------------------------------------------------------

TEST_F(SuspicionTest, WithoutMayProbeTheGuardLetsTheErrorPass) {
  FailOverToServer2();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
}

TEST_F(SuspicionTest, WithMayProbeTheShardHoldsOnSuspicion) {
  FailOverToServer2();
  EXPECT_TRUE(FailReturning().held());
  EXPECT_TRUE(StartedOnSuspicion());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(SuspicionTest, AlsoAfterAReparent) {
  Hear(1, true, 100);
  Hear(2, true, 200);
  EXPECT_TRUE(FailReturning().held());
  EXPECT_TRUE(StartedOnSuspicion());
}

TEST_F(SuspicionTest, WhereNoGuardAppliesThereIsNoSuspicion) {
  Hear(1, true, 100);
  EXPECT_TRUE(FailReturning().held());
  EXPECT_FALSE(StartedOnSuspicion());
}

TEST_F(SuspicionTest, ADownThatIsNewerThanTheLastEndLeavesNoSuspicion) {
  FailOverToServer2();
  Hear(2, false, 200);
  EXPECT_TRUE(FailReturning().held());
  EXPECT_FALSE(StartedOnSuspicion());
}

TEST_F(SuspicionTest, ADownThatIsOlderThanTheLastEndDoesNotLiftTheGuard) {
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Hear(1, false, 100);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  request.EndRetry();
  EXPECT_TRUE(Fail().passed());
}

TEST_F(SuspicionTest, AnEndByTheSamePrimaryStartsNoGuard) {
  Hear(1, true, 100);
  {
    AsyncRequest request = Fail();
    Hear(1, false, 100);
    Hear(1, true, 100);
    ASSERT_TRUE(request.released());
  }
  ASSERT_EQ(state(), State::kIdle);
  {
    AsyncRequest request = Fail();
    ASSERT_TRUE(request.held());
    Advance(absl::Milliseconds(1));
    HearObserved(1, true, 100, absl::ZeroDuration());
    ASSERT_TRUE(request.released());
  }
  {
    AsyncRequest request = Fail();
    ASSERT_TRUE(request.held());
    Pass(absl::Seconds(10), absl::Seconds(1));
    Tell(request, Attempt::kSucceeded);
  }
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 2u);
  EXPECT_TRUE(Fail().held());
  EXPECT_FALSE(StartedOnSuspicion());
}

TEST_F(SuspicionTest, ItLiftsNoEarlierGuardEither) {
  FailOverToServer2();
  Hear(2, false, 200);
  { const AsyncRequest request = Request(); }
  Hear(2, true, 200);
  ASSERT_EQ(state(), State::kIdle);
  EXPECT_TRUE(Fail().passed());
}

// ---- How a suspicion ends -----------------------------------------------------------------------

TEST_F(SuspicionTest, UnconfirmedItIsOverAfterOneSecond) {
  FailOverToServer2();
  AsyncRequest suspect = Fail(Returning());
  const AsyncRequest other = Request();
  EXPECT_TRUE(other.held());
  Pass(absl::Milliseconds(990));
  EXPECT_EQ(state(), State::kBuffering);
  Pass(absl::Milliseconds(10));
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
  EXPECT_TRUE(suspect.released());
}

TEST_F(SuspicionTest, ItsLengthIsAnOption) {
  BufferOptions options = ManualOptions();
  options.suspicion = absl::Milliseconds(200);
  Create(options);
  FailOverToServer2();
  const AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(200));
  EXPECT_NE(state(), State::kBuffering);
}

TEST_F(SuspicionTest, ADownConfirmsIt) {
  FailOverToServer2();
  const AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(20));
  Hear(2, false, 200);
  Pass(absl::Seconds(5), absl::Milliseconds(100));
  EXPECT_EQ(state(), State::kBuffering);
  Hear(3, true, 300);
  EXPECT_NE(state(), State::kBuffering);
}

TEST_F(SuspicionTest, ADownOfAnotherServerDoesNot) {
  FailOverToServer2();
  const AsyncRequest suspect = FailReturning();
  Hear(1, false, 100);
  Pass(absl::Seconds(1));
  EXPECT_NE(state(), State::kBuffering);
}

TEST_F(SuspicionTest, BugConfirm_ADownOfAPrimaryThatWasNeverSeenServingConfirmsIt) {
  // An operator's stop starts the guard, and leaves the primary unknown.
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  const AsyncRequest suspect = FailReturning();
  ASSERT_TRUE(StartedOnSuspicion());
  Hear(1, false, 100);
  Pass(absl::Seconds(2));
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(SuspicionTest, AProbeThatIsRefusedConfirmsIt) {
  FailOverToServer2();
  AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(50));
  ASSERT_TRUE(suspect.released()) << "the probe";
  const AsyncRequest again = Return(suspect);
  EXPECT_TRUE(again.held());
  Advance(absl::Seconds(1));
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(SuspicionTest, AProbeThatIsToldToBeRefusedConfirmsIt) {
  FailOverToServer2();
  AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(50));
  Tell(suspect, Attempt::kRefused);
  Advance(absl::Seconds(1));
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(SuspicionTest, AProbeThatFailsOtherwiseDoesNot) {
  for (const Attempt outcome : {Attempt::kNone, Attempt::kFailed, Attempt::kUnknown}) {
    Create(ManualOptions());
    FailOverToServer2();
    AsyncRequest suspect = FailReturning();
    Advance(absl::Milliseconds(50));
    Tell(suspect, outcome);
    Advance(absl::Milliseconds(950));
    EXPECT_NE(state(), State::kBuffering);
  }
}

TEST_F(SuspicionTest, ASuccessRefutesIt) {
  FailOverToServer2();
  AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(50));
  Tell(suspect, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(SuspicionTest, AServingReportRefutesIt) {
  FailOverToServer2();
  AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(10));
  HearObserved(2, true, 200, absl::Milliseconds(1));
  EXPECT_TRUE(suspect.released());
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 1u);
}

TEST_F(SuspicionTest, ARequestThatJoinsIsNoOtherSign) {
  FailOverToServer2();
  const AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(500));
  const AsyncRequest second = FailReturning();
  EXPECT_TRUE(second.held());
  Advance(absl::Milliseconds(500));
  EXPECT_NE(state(), State::kBuffering);
}

TEST_F(SuspicionTest, SwitchoversFiveSecondsApartLeakNoError) {
  Hear(1, true, 100);
  for (int i = 1; i <= 10; ++i) {
    AsyncRequest request = FailReturning();
    ASSERT_TRUE(request.held()) << "switchover " << i;
    Advance(absl::Milliseconds(40));
    Hear(1 + i % 2, true, 100 + i);
    ASSERT_TRUE(request.released()) << "switchover " << i;
    Tell(request, Attempt::kSucceeded);
    Pass(absl::Seconds(5), absl::Seconds(1));
  }
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(SuspicionTest, DryRunCountsOnly) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  Hear(1, true, 100);
  Hear(2, true, 200);
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Stats().requests_buffered_dry_run, 1u);
  Advance(absl::Seconds(1));
  EXPECT_EQ(state(), State::kIdle);
}

}  // namespace
}  // namespace failover::test
