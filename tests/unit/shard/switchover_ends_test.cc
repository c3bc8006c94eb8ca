// These tests cover the ways out of a planned switchover, and what is held until then.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "switchover_fixture.h"

namespace failover::test {
namespace {

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

}  // namespace
}  // namespace failover::test
