// These tests cover planned switchovers: every way in, every way out, and what is held meanwhile.
#include "failover/switchover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

constexpr RequestContext As(Work work) {
  RequestContext context;
  context.work = work;
  return context;
}

class SwitchoverTest : public BufferTest {
 protected:
  SwitchoverTest() { Report(1, true, 1); }

  Switchover Begin(const SwitchoverOptions& options = {}) {
    absl::StatusOr<Switchover> begun = buffer().BeginSwitchover(shard(), options);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return *std::move(begun);
  }
  absl::Status Refusal(ShardHandle shard, const SwitchoverOptions& options = {}) {
    return buffer().BeginSwitchover(shard, options).status();
  }

  // Counts a statement or a transaction that must pass, and returns what ends it.
  RetryDoneFunc Work1(Work work) {
    absl::StatusOr<RetryDoneFunc> token =
        buffer().WaitForFailoverEnd(As(work), shard(), absl::OkStatus());
    EXPECT_TRUE(token.ok()) << token.status();
    EXPECT_FALSE(*token);
    return *std::move(token);
  }
  RetryDoneFunc Statement() { return Work1(Work::kStatement); }
  RetryDoneFunc Transaction() { return Work1(Work::kTransaction); }

  static absl::Status Look(Switchover& switchover) {
    return switchover.WaitUntilQuiet(absl::ZeroDuration()).status();
  }
};

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

// ---- The stages ---------------------------------------------------------------------------------

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

// ---- The ways out -------------------------------------------------------------------------------

TEST_F(SwitchoverTest, CommitReleasesToANewPrimary) {
  SwitchoverOptions options;
  options.release = SwitchoverRelease::kOnCommit;
  Switchover switchover = Begin(options);
  AsyncRequest held = Request();
  const std::uint64_t epoch = shard().epoch();
  Report(2, true, 2);
  PollAll();
  EXPECT_FALSE(held.done());
  EXPECT_TRUE(switchover.Commit().ok());
  PollAll();
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kManual);
  EXPECT_GT(shard().epoch(), epoch);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kCommitted);
  EXPECT_TRUE(switchover.Commit().ok());
  EXPECT_FALSE(switchover.Abort());
}

TEST_F(SwitchoverTest, ANewPrimaryReleases) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  Report(2, true, 2);
  PollAll();
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kNewPrimary);
  EXPECT_TRUE(switchover.progress().quiet);
  EXPECT_TRUE(switchover.Commit().ok());
}

TEST_F(SwitchoverTest, AfterCommitWithoutANewPrimaryTheHoldGoesOn) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  EXPECT_TRUE(switchover.Commit().ok());
  EXPECT_EQ(Stats().state, State::kBuffering);
  // The old primary still says that it serves.
  Report(1, true, 1);
  Advance(absl::Seconds(9));
  Report(1, true, 1);
  PollAll();
  EXPECT_FALSE(held.done());
  // Another server with the same timestamp, because the old primary counts as down (E4).
  Report(2, true, 1);
  PollAll();
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kNewPrimarySeen);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kCommitted);
}

TEST_F(SwitchoverTest, AfterCommitAnOldPrimaryThatComesBackEndsNothing) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request();
  EXPECT_TRUE(switchover.Commit().ok());
  Report(1, false, 1);
  Report(1, true, 1);
  PollAll();
  EXPECT_FALSE(held.done());
  Report(1, true, 2);
  PollAll();
  EXPECT_TRUE(held.released());
}

TEST_F(SwitchoverTest, AfterCommitTheLongestDurationApplies) {
  Switchover switchover = Begin();
  EXPECT_TRUE(switchover.Commit().ok());
  Advance(absl::Seconds(20) - absl::Nanoseconds(1));
  EXPECT_EQ(Stats().state, State::kBuffering);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(At(Stats().stops, StopReason::kMaxDurationExceeded), 1u);
  // The next serving report is believed, whosever it is.
  Report(1, true, 1);
  EXPECT_TRUE(Request().passed());
}

TEST_F(SwitchoverTest, AfterCommitStopBufferingReleases) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  EXPECT_TRUE(switchover.Commit().ok());
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_TRUE(held.released());
  held.EndRetry();
  EXPECT_TRUE(Request().passed());
}

TEST_F(SwitchoverTest, AbortReleasesToTheOldPrimary) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  EXPECT_TRUE(switchover.Abort());
  EXPECT_FALSE(switchover.Abort());
  PollAll();
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kManual);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kAborted);
  EXPECT_TRUE(absl::IsAborted(switchover.Commit()));
}

TEST_F(SwitchoverTest, AbortLeadsToNoServerThatIsDown) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  Report(1, false, 1);
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_TRUE(switchover.Abort());
  PollAll();
  EXPECT_FALSE(held.done());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 2u);
  Report(2, true, 2);
  PollAll();
  EXPECT_TRUE(held.released());
}

TEST_F(SwitchoverTest, TheDestructorCallsItOff) {
  AsyncRequest held = [this] {
    const Switchover switchover = Begin();
    return Request();
  }();
  PollAll();
  EXPECT_TRUE(held.released());
}

TEST_F(SwitchoverTest, StopBufferingCallsItOff) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  EXPECT_FALSE(buffer().StartBuffering(shard(), "an operator"));
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_TRUE(held.released());
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kAborted);
}

TEST_F(SwitchoverTest, ItIsCalledOffAtTheEndOfHoldTimeout) {
  SwitchoverOptions options;
  options.hold_timeout = absl::Seconds(4);
  Switchover switchover = Begin(options);
  AsyncRequest held = Request();
  Advance(absl::Seconds(4) - absl::Nanoseconds(1));
  EXPECT_FALSE(held.done());
  Advance(absl::Nanoseconds(1));
  ASSERT_TRUE(held.released());
  EXPECT_EQ(held.released_by(), StopReason::kMaxDurationExceeded);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
  held.EndRetry();
  // No latch: a primary that is down is missed at once.
  Report(1, false, 1);
  EXPECT_TRUE(Request().held());
}

TEST_F(SwitchoverTest, CommitComesTooLateAtTheEndOfHoldTimeout) {
  Switchover switchover = Begin();
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(absl::IsAborted(switchover.Commit()));
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
}

TEST_F(SwitchoverTest, NoWindowEndsBeforeIt) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(held.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(held.released());
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
}

class OldTokenTest : public SwitchoverTest {
 protected:
  // Returns the token of a retry that is overdue. The shard is idle, and 8 s of the request's
  // window are left.
  RetryDoneFunc OverdueToken() {
    BufferOptions options = ManualOptions();
    options.max_retry_time = absl::Seconds(1);
    Create(options);
    Report(1, true, 1);
    AsyncRequest request = Fail();
    Advance(absl::Seconds(1));
    EndFailover();
    PollAll();
    EXPECT_TRUE(request.released());
    Advance(absl::Seconds(1));
    EXPECT_EQ(Stats().state, State::kIdle);
    return std::move(request.token());
  }
  AsyncRequest ComeBack(RetryDoneFunc token) {
    return {buffer(), shard(), LastAttempt(FailoverError()).After(std::move(token)), {}};
  }
};

TEST_F(OldTokenTest, AWindowThatEndsWhileAllIsHeldIsAnError) {
  RetryDoneFunc token = OverdueToken();
  Switchover switchover = Begin();
  const AsyncRequest back = ComeBack(std::move(token));
  ASSERT_TRUE(back.held());
  Advance(absl::Seconds(8) - absl::Nanoseconds(1));
  EXPECT_FALSE(back.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(back.reason(), BufferErrorReason::kWindowOver);
  EXPECT_TRUE(switchover.progress().quiet);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kWindowExceeded), 1u);
}

TEST_F(OldTokenTest, AWindowThatEndsInTheFirstStageIsAReleaseAsEver) {
  RetryDoneFunc token = OverdueToken();
  RetryDoneFunc transaction = Transaction();
  SwitchoverOptions options;
  options.transaction_grace = absl::Seconds(9);
  Switchover switchover = Begin(options);
  AsyncRequest back = ComeBack(std::move(token));
  ASSERT_TRUE(back.held());
  Advance(absl::Seconds(8));
  EXPECT_TRUE(back.released());
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kTransactionsEnd);
}

TEST_F(SwitchoverTest, ShutdownEndsIt) {
  Switchover switchover = Begin();
  AsyncRequest held = Request();
  buffer().Shutdown();
  EXPECT_TRUE(held.released());
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kShutdown);
  EXPECT_TRUE(absl::IsAborted(switchover.Commit()));
  EXPECT_FALSE(switchover.Abort());
  EXPECT_TRUE(absl::IsAborted(Look(switchover)));
  EXPECT_TRUE(absl::IsAborted(
      switchover.WaitUntilQuiet(absl::Seconds(1), [](absl::StatusOr<WorkInFlight>) {})));
}

TEST_F(SwitchoverTest, ItMayOutliveItsBuffer) {
  Switchover switchover = Begin();
  Destroy();
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kShutdown);
  EXPECT_FALSE(switchover.Abort());
}

TEST_F(SwitchoverTest, AShardThatIsGoneEndsIt) {
  SwitchoverOptions options;
  options.release = SwitchoverRelease::kOnCommit;
  Switchover switchover = Begin(options);
  const AsyncRequest held = Request();
  KeyspaceEvent event;
  event.keyspace = "ks";
  ShardEvent gone;
  gone.target = {"ks", "0", TabletType::kPrimary};
  gone.serving = false;
  event.shards.push_back(gone);
  buffer().HandleKeyspaceEvent(event);
  PollAll();
  EXPECT_EQ(held.reason(), BufferErrorReason::kShardMissing);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kShardGone);
}

TEST_F(SwitchoverTest, AnEventThatNamesTheOldPrimaryEndsNothing) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request();
  KeyspaceEvent event;
  event.keyspace = "ks";
  ShardEvent same;
  same.target = {"ks", "0", TabletType::kPrimary};
  same.alias = PrimaryReport(1, true, 1).alias;
  same.serving = true;
  event.shards.push_back(same);
  buffer().HandleKeyspaceEvent(event);
  PollAll();
  EXPECT_FALSE(held.done());
  event.shards.front().alias = PrimaryReport(2, true, 1).alias;
  buffer().HandleKeyspaceEvent(event);
  PollAll();
  EXPECT_TRUE(held.released());
}

TEST_F(SwitchoverTest, NoReportOfTheOldPrimaryEndsIt) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request();
  Advance(absl::Seconds(5));
  Report(1, true, 1);
  Report(1, false, 1);
  Report(1, true, 1);
  Report(1, true, 7);
  PollAll();
  EXPECT_FALSE(held.done());
  EXPECT_TRUE(switchover.progress().quiet);
}

// Nobody has told yet who the primary is when the switchover begins.
class FirstReportTest : public SwitchoverTest {
 protected:
  FirstReportTest() { silent_ = buffer().GetShard("ks", "silent"); }

  Switchover BeginSilent(SwitchoverRelease release) {
    SwitchoverOptions options;
    options.release = release;
    return buffer().BeginSwitchover(silent_, options).value();
  }

  ShardHandle silent_;
};

TEST_F(FirstReportTest, BugFirstReport_TheFirstPrimaryIsTheOneOfBefore) {
  Switchover switchover = BeginSilent(SwitchoverRelease::kOnNewPrimary);
  Report(1, true, 1, "silent");
  EXPECT_FALSE(switchover.progress().end.has_value());
  EXPECT_TRUE(switchover.progress().quiet);
  Report(2, true, 2, "silent");
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kNewPrimary);
}

TEST_F(FirstReportTest, BugFirstReport_CommitReleasesNothingToTheOneOfBefore) {
  Switchover switchover = BeginSilent(SwitchoverRelease::kOnCommit);
  Report(1, true, 1, "silent");
  EXPECT_TRUE(switchover.Commit().ok());
  EXPECT_EQ(buffer().GetShardStats("ks", "silent")->state, State::kBuffering);
  Report(1, true, 1, "silent");
  EXPECT_EQ(buffer().GetShardStats("ks", "silent")->state, State::kBuffering);
  Report(2, true, 2, "silent");
  EXPECT_EQ(buffer().GetShardStats("ks", "silent")->state, State::kIdle);
}

TEST_F(FirstReportTest, BugFirstReport_AReportFromBeforeTheCommitReleasesNothing) {
  Switchover switchover = BeginSilent(SwitchoverRelease::kOnCommit);
  Advance(absl::Seconds(1));
  TabletStats old = PrimaryReport(1, true, 7, "silent");
  old.observed_at = clock_.Now();
  EXPECT_TRUE(switchover.Commit().ok());
  buffer().StatsUpdate(old);
  EXPECT_EQ(buffer().GetShardStats("ks", "silent")->state, State::kBuffering);
}

TEST_F(FirstReportTest, BugFirstReport_AReportFromBehindTheCommitReleasesWithoutATerm) {
  Switchover switchover = BeginSilent(SwitchoverRelease::kOnCommit);
  EXPECT_TRUE(switchover.Commit().ok());
  Advance(absl::Seconds(1));
  TabletStats fresh = PrimaryReport(2, true, 0, "silent");
  fresh.observed_at = clock_.Now();
  buffer().StatsUpdate(fresh);
  EXPECT_EQ(buffer().GetShardStats("ks", "silent")->state, State::kIdle);
  EXPECT_EQ(At(buffer().GetShardStats("ks", "silent")->stops, StopReason::kNewPrimarySeen), 1u);
}

TEST_F(SwitchoverTest, WithCommitOnlyNoReportEndsIt) {
  SwitchoverOptions options;
  options.release = SwitchoverRelease::kOnCommit;
  Switchover switchover = Begin(options);
  const AsyncRequest held = Request();
  Report(2, true, 2);
  Report(3, true, 3);
  PollAll();
  EXPECT_FALSE(held.done());
  EXPECT_FALSE(switchover.progress().end.has_value());
}

TEST_F(SwitchoverTest, CommitLeadsToNoNewPrimaryThatIsDown) {
  SwitchoverOptions options;
  options.release = SwitchoverRelease::kOnCommit;
  Switchover switchover = Begin(options);
  const AsyncRequest held = Request();
  Report(2, true, 2);
  Report(2, false, 2);
  EXPECT_TRUE(switchover.Commit().ok());
  PollAll();
  EXPECT_FALSE(held.done());
  Report(2, true, 2);
  PollAll();
  EXPECT_TRUE(held.released());
}

TEST_F(SwitchoverTest, NoProbeIsLetGo) {
  RequestContext context;
  context.may_probe = true;
  Switchover switchover = Begin();
  const AsyncRequest refused = Fail(context);
  ASSERT_TRUE(refused.held());
  Advance(absl::Seconds(9));
  EXPECT_FALSE(refused.done());
}

TEST_F(SwitchoverTest, ATimeoutEndsTheWaitOfARequest) {
  Switchover switchover = Begin();
  RequestContext context = As(Work::kStatement);
  context.timeout = absl::Seconds(1);
  const AsyncRequest held = Request(context);
  Advance(absl::Seconds(1));
  EXPECT_EQ(held.reason(), BufferErrorReason::kTimeout);
  EXPECT_TRUE(switchover.progress().quiet);
}

// ---- An earlier switchover ----------------------------------------------------------------------

TEST_F(SwitchoverTest, AnEarlierOneDoesNothingToALaterOne) {
  std::optional<Switchover> earlier = Begin();
  EXPECT_TRUE(earlier->Abort());
  PollAll();
  Switchover later = Begin();
  const AsyncRequest held = Request();
  EXPECT_TRUE(absl::IsAborted(earlier->Commit()));
  EXPECT_FALSE(earlier->Abort());
  earlier.reset();
  PollAll();
  EXPECT_FALSE(held.done());
  EXPECT_TRUE(later.progress().quiet);
}

TEST_F(SwitchoverTest, AMoveKeepsIt) {
  Switchover first = Begin();
  Switchover second = std::move(first);
  EXPECT_FALSE(second.progress().end.has_value());
  EXPECT_EQ(first.progress().stage, SwitchoverStage::kEnded);  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(first.Abort());
  EXPECT_TRUE(absl::IsFailedPrecondition(first.Commit()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Look(first)));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      first.WaitUntilQuiet(absl::Seconds(1), [](absl::StatusOr<WorkInFlight>) {})));
}

TEST_F(SwitchoverTest, AssignmentCallsOffTheOneOfBefore) {
  Switchover here = Begin();
  Switchover there = *buffer().BeginSwitchover(Shard("1"), {});
  here = std::move(there);
  EXPECT_EQ(Stats("0").state, State::kIdle);
  EXPECT_EQ(Stats("1").state, State::kBuffering);
  EXPECT_TRUE(here.Abort());
}

// ---- Waits for quiet ----------------------------------------------------------------------------

class QuietWaitTest : public SwitchoverTest {
 protected:
  // Waits with a callback, and returns where the result will be.
  std::shared_ptr<std::vector<absl::StatusOr<WorkInFlight>>> Wait(Switchover& switchover,
                                                                  absl::Duration timeout) {
    auto told = std::make_shared<std::vector<absl::StatusOr<WorkInFlight>>>();
    EXPECT_TRUE(switchover
                    .WaitUntilQuiet(timeout,
                                    [told](absl::StatusOr<WorkInFlight> result) {
                                      told->push_back(std::move(result));
                                    })
                    .ok());
    return told;
  }
};

TEST_F(QuietWaitTest, TheCallbackIsToldOfQuiet) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  const auto told = Wait(switchover, absl::InfiniteDuration());
  PollAll();
  EXPECT_TRUE(told->empty());
  statement();
  EXPECT_TRUE(told->empty());
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_TRUE(told->front().ok());
}

TEST_F(QuietWaitTest, TheCallbackOfAQuietSwitchoverRunsInPoll) {
  Switchover switchover = Begin();
  const auto told = Wait(switchover, absl::ZeroDuration());
  EXPECT_TRUE(told->empty());
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_TRUE(told->front().ok());
}

TEST_F(QuietWaitTest, TheCallbackIsToldOfItsTimeout) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  const auto late = Wait(switchover, absl::Seconds(2));
  const auto early = Wait(switchover, absl::Seconds(1));
  Advance(absl::Seconds(1));
  EXPECT_EQ(early->size(), 1u);
  EXPECT_TRUE(late->empty());
  Advance(absl::Seconds(1));
  ASSERT_EQ(late->size(), 1u);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late->front().status()));
  EXPECT_THAT(late->front().status().message(), HasSubstr("1 statements"));
  statement();
  PollAll();
  EXPECT_EQ(late->size(), 1u);
}

TEST_F(QuietWaitTest, TheCallbackIsToldOfEveryEnd) {
  RetryDoneFunc statement = Statement();
  {
    Switchover switchover = Begin();
    const auto told = Wait(switchover, absl::Seconds(5));
    EXPECT_TRUE(switchover.Commit().ok());
    PollAll();
    ASSERT_EQ(told->size(), 1u);
    EXPECT_TRUE(absl::IsAborted(told->front().status()));
    EXPECT_THAT(told->front().status().message(), HasSubstr("Committed"));
  }
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  std::shared_ptr<std::vector<absl::StatusOr<WorkInFlight>>> told;
  {
    Switchover switchover = Begin();
    told = Wait(switchover, absl::Seconds(5));
  }
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_THAT(told->front().status().message(), HasSubstr("Aborted"));
  Switchover switchover = Begin();
  told = Wait(switchover, absl::Seconds(5));
  buffer().Shutdown();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_THAT(told->front().status().message(), HasSubstr("Shutdown"));
}

TEST_F(QuietWaitTest, AnEmptyCallbackIsAnError) {
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.WaitUntilQuiet(absl::Seconds(1), QuietCallback()).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(QuietWaitTest, ABlockingWaitInACallbackIsRefused) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  absl::Status inside;
  EXPECT_TRUE(switchover
                  .WaitUntilQuiet(absl::Seconds(1),
                                  [&](absl::StatusOr<WorkInFlight>) {
                                    inside = switchover.WaitUntilQuiet(absl::Seconds(1)).status();
                                  })
                  .ok());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(inside)) << inside;
  statement();
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
