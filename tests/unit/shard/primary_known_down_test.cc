// These tests cover a failover that starts before any request has failed, because the shard's
// primary was reported as not serving.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class PrimaryKnownDownTest : public BufferTest {};

TEST_F(PrimaryKnownDownTest, TheNextRequestIsHeldAlthoughItHasNotFailed) {
  Report(1, true, 100);
  Report(1, false, 100);
  EXPECT_EQ(Stats().state, State::kIdle);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(PrimaryKnownDownTest, ItIsReleasedWhenThePrimaryServesAgain) {
  Report(1, true, 100);
  Report(1, false, 100);
  AsyncRequest request = Request();
  Report(1, true, 100);
  PollAll();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kPrimaryServingAgain);
}

TEST_F(PrimaryKnownDownTest, ItIsReleasedByANewPrimary) {
  Report(1, true, 100);
  Report(1, false, 100);
  AsyncRequest request = Request();
  Report(2, true, 101);
  PollAll();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kNewPrimarySeen);
}

TEST_F(PrimaryKnownDownTest, APrimaryThatIsNotUpIsDown) {
  Report(1, true, 100);
  TabletStats lost = PrimaryReport(1, true, 100);
  lost.up = false;
  buffer().StatsUpdate(lost);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
}

TEST_F(PrimaryKnownDownTest, ItWorksWithoutTimestampsAndWithNewerOnes) {
  Report(1, true, 0);
  Report(1, false, 1);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
}

TEST_F(PrimaryKnownDownTest, RequestsByNameAreHeldToo) {
  Report(1, true, 100);
  Report(1, false, 100);
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, "ks", "0", absl::OkStatus(), [](absl::StatusOr<RetryDoneFunc>) {});
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(*request);
}

TEST_F(PrimaryKnownDownTest, TheLogSaysWhy) {
  Report(1, true, 100);
  Report(1, false, 100);
  const AsyncRequest request = Request();
  ASSERT_EQ(log_.Count("starting buffering"), 1u);
  EXPECT_THAT(log_.LinesWith("starting buffering").front(),
              HasSubstr("because of: its primary does not serve"));
}

TEST_F(PrimaryKnownDownTest, NoGuardApplies) {
  Report(1, true, 100);
  Report(2, true, 101);
  Report(2, false, 101);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

// Reports of a server that is not newer than the known primary are taken for those of an old
// primary. When such a server was the real successor, the bug took the first primary to be down for
// ever, and started one needless failover after the other.
TEST_F(PrimaryKnownDownTest,
       BugDownForEver_AServerThatIsNotNewerIsBelievedOnceAFailoverWasTooLong) {
  constexpr struct {
    std::int64_t before;
    std::int64_t after;
  } kTimestamps[] = {{100, 99}, {100, 1}, {0, -1}};
  for (const auto& timestamps : kTimestamps) {
    Create(ManualOptions());
    Report(1, true, timestamps.before);
    Report(1, false, timestamps.before);
    {
      const AsyncRequest request = Request();
      EXPECT_TRUE(request.held());
      Report(2, true, timestamps.after);
      EXPECT_FALSE(request.done()) << "server 2 may be an old primary";
      Advance(absl::Seconds(20));
      EXPECT_TRUE(request.released());
    }
    EXPECT_EQ(At(Stats().stops, StopReason::kMaxDurationExceeded), 1u);
    Report(2, true, timestamps.after);
    AdvanceBeyondGuards();
    EXPECT_TRUE(Request().passed());
    EXPECT_EQ(Stats().starts, 1u);
    // Server 2 counts as the primary from here on, so the shard misses it when it stops serving.
    Report(2, false, timestamps.after);
    EXPECT_TRUE(Request().held());
  }
}

TEST_F(PrimaryKnownDownTest, AfterAFailoverThatWasTooLongOnlyAFailureBeginsTheNext) {
  Report(1, true, 100);
  Report(1, false, 100);
  { const AsyncRequest request = Request(); }
  Advance(absl::Seconds(20));
  EXPECT_EQ(Stats().state, State::kIdle);
  Report(1, false, 100);
  AdvanceBeyondGuards();
  EXPECT_TRUE(Request().passed());
  AsyncRequest failed = Fail();
  EXPECT_TRUE(failed.held());
  Report(1, true, 100);
  PollAll();
  ASSERT_TRUE(failed.released());
  EXPECT_EQ(failed.released_by(), StopReason::kPrimaryServingAgain);
}

// ---- When no failover starts -------------------------------------------------------------------

TEST_F(PrimaryKnownDownTest, NotIfThePrimaryWasNeverSeenServing) {
  Report(1, false, 100);
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotIfAnotherTabletDoesNotServe) {
  Report(1, true, 100);
  Report(2, false, 101);
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotIfAReplicaDoesNotServe) {
  Report(1, true, 100);
  TabletStats replica = PrimaryReport(1, false, 100);
  replica.target.tablet_type = TabletType::kReplica;
  buffer().StatsUpdate(replica);
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotIfAnotherShardsPrimaryDoesNotServe) {
  Report(1, true, 100);
  Report(1, true, 100, "1");
  Report(1, false, 100, "1");
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotOnceItServesAgain) {
  Report(1, true, 100);
  Report(1, false, 100);
  Report(1, true, 100);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(PrimaryKnownDownTest, NotOnceANewPrimaryServes) {
  Report(1, true, 100);
  Report(1, false, 100);
  Report(2, true, 101);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(PrimaryKnownDownTest, NotOnceAKeyspaceEventSaysThatItServes) {
  Report(1, true, 100);
  Report(1, false, 100);
  buffer().HandleKeyspaceEvent(
      {"ks", {{{"zone1", 1}, {"ks", "0", TabletType::kPrimary}, true}}, MoveTablesState::kUnknown});
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotOnceAKeyspaceEventSaysThatTheShardIsGone) {
  Report(1, true, 100);
  Report(1, false, 100);
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  EXPECT_TRUE(Request().passed());
}

TEST_F(PrimaryKnownDownTest, NotForAnErrorThatNoFailoverCaused) {
  Report(1, true, 100);
  Report(1, false, 100);
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(PrimaryKnownDownTest, AlsoWhileDraining) {
  Report(1, true, 100);
  AsyncRequest retrying = Fail();
  Report(2, true, 101);
  PollAll();
  ASSERT_EQ(Stats().state, State::kDraining);
  Report(2, false, 101);
  EXPECT_EQ(Stats().state, State::kBuffering);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
}

TEST_F(PrimaryKnownDownTest, NotForADisabledShard) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  Report(1, true, 100);
  Report(1, false, 100);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(PrimaryKnownDownTest, DryRunOnlyCounts) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  Report(1, true, 100);
  Report(1, false, 100);
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Stats().requests_buffered_dry_run, 1u);
}

}  // namespace
}  // namespace failover::test
