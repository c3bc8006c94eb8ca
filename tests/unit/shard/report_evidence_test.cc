// These tests cover what reports prove: rules E2 to E6 of docs/design.md, "What may be believed".
#include <gtest/gtest.h>

#include <cstdint>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class ReportEvidenceTest : public EvidenceTest {
 protected:
  // Whether a report of a serving server ends a hold that a failed request has begun.
  bool Ends(std::uint32_t uid, std::int64_t term) {
    AsyncRequest request = Fail();
    EXPECT_TRUE(request.held());
    Hear(uid, true, term);
    return request.released();
  }
  // The same while the believed primary is known to be down.
  bool EndsWhileDown(std::uint32_t down, std::int64_t its_term, std::uint32_t uid,
                     std::int64_t term) {
    Hear(down, false, its_term);
    AsyncRequest request = Request();
    EXPECT_TRUE(request.held());
    Hear(uid, true, term);
    return request.released();
  }
};

// ---- E1: a failed request ----------------------------------------------------------------------

TEST_F(ReportEvidenceTest, E1_OnlyARefusalBeginsAHold) {
  for (const Attempt attempt :
       {Attempt::kNone, Attempt::kFailed, Attempt::kSucceeded, Attempt::kUnknown}) {
    EXPECT_TRUE(AsyncRequest(buffer(), shard(), attempt, Returning()).passed());
  }
  EXPECT_EQ(state(), State::kIdle);
  for (const Attempt attempt : {Attempt::kRefused, Attempt::kRefusedAtConnect}) {
    Create(ManualOptions());
    EXPECT_TRUE(AsyncRequest(buffer(), shard(), attempt, {}).held());
  }
}

// ---- E2: the believed primary is down ----------------------------------------------------------

TEST_F(ReportEvidenceTest, E2_DownMustHaveStoodForItsConfirmation) {
  BufferOptions options = ManualOptions();
  options.down_confirmation = absl::Seconds(2);
  Create(options);
  Hear(1, true, 100);
  Hear(1, false, 100);
  Advance(absl::Seconds(1));
  Hear(1, false, 100);
  EXPECT_TRUE(Request().passed());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(Request().held());
}

TEST_F(ReportEvidenceTest, E2_AConfirmationBeginsAnewAfterAServingReport) {
  BufferOptions options = ManualOptions();
  options.down_confirmation = absl::Seconds(2);
  Create(options);
  Hear(1, true, 100);
  Hear(1, false, 100);
  Advance(absl::Seconds(1));
  Hear(1, true, 100);
  Hear(1, false, 100);
  Advance(absl::Seconds(1));
  EXPECT_TRUE(Request().passed());
}

TEST_F(ReportEvidenceTest, E2_AFailedRequestNeedsNoConfirmation) {
  BufferOptions options = ManualOptions();
  options.down_confirmation = absl::Seconds(2);
  Create(options);
  Hear(1, true, 100);
  Hear(1, false, 100);
  EXPECT_TRUE(Fail().held());
}

TEST_F(ReportEvidenceTest, E2_NoGuardAppliesAfterAReparent) {
  FailOverToServer2();
  Hear(2, false, 200);
  EXPECT_TRUE(Request().held());
  EXPECT_FALSE(StartedOnSuspicion());
}

TEST_F(ReportEvidenceTest, E2_AnErrorMeetsNoGuardEither) {
  FailOverToServer2();
  Hear(2, false, 200);
  EXPECT_TRUE(Fail().held());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(ReportEvidenceTest, E2_AnOperatorsStopExcusesThePrimaryUntilItServedAgain) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  AsyncRequest request = Request();
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  request.EndRetry();
  Hear(1, false, 100);
  EXPECT_TRUE(Request().passed());
  Hear(1, true, 100);
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held());
}

// ---- E3: a term above all ----------------------------------------------------------------------

TEST_F(ReportEvidenceTest, E3_ATermAboveAllEndsIt) {
  Hear(1, true, 100);
  EXPECT_TRUE(Ends(2, 101));
  EXPECT_EQ(Stops(StopReason::kNewPrimarySeen), 1u);
}

TEST_F(ReportEvidenceTest, E3_AnEqualTermDoesNot) {
  Hear(1, true, 100);
  EXPECT_FALSE(Ends(2, 100));
}

TEST_F(ReportEvidenceTest, E3_ATermThatOnlyAnEarlierPrimaryHadDoesNot) {
  Hear(1, true, 100);
  Hear(2, true, 105);
  AdvanceBeyondGuards();
  EXPECT_FALSE(Ends(3, 103));
}

TEST_F(ReportEvidenceTest, E3_TheTermOfAServerThatDoesNotServeIsNotCounted) {
  Hear(1, true, 100);
  Hear(2, false, 500);
  EXPECT_TRUE(Ends(3, 101));
}

// ---- E4: the believed primary is down, and another server serves --------------------------------

TEST_F(ReportEvidenceTest, E4_AnEqualTermEndsItWhileThePrimaryIsDown) {
  Hear(1, true, 100);
  EXPECT_TRUE(EndsWhileDown(1, 100, 2, 100));
  EXPECT_EQ(Stops(StopReason::kNewPrimarySeen), 1u);
}

TEST_F(ReportEvidenceTest, E4_ItWorksWithoutTerms) {
  Hear(1, true, 0);
  EXPECT_TRUE(EndsWhileDown(1, 0, 2, 0));
}

TEST_F(ReportEvidenceTest, E4_TheNewPrimaryIsTheOneThatIsMissedNext) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  Hear(2, true, 100);
  Hear(1, false, 100);
  EXPECT_TRUE(Request().passed());
  Hear(2, false, 100);
  EXPECT_TRUE(Request().held());
}

TEST_F(ReportEvidenceTest, E4_ALowerTermDoesNot) {
  Hear(1, true, 100);
  EXPECT_FALSE(EndsWhileDown(1, 100, 2, 99));
}

TEST_F(ReportEvidenceTest, E4_TheHighestTermOfThePrimaryCounts) {
  Hear(1, true, 100);
  Hear(1, true, 90);
  EXPECT_FALSE(EndsWhileDown(1, 80, 2, 95));
}

// The highest term of all is that of server 1, but the primary that is down is server 2.
TEST_F(ReportEvidenceTest, E4_TheTermOfAnEarlierPrimaryDoesNotCount) {
  Hear(1, true, 105);
  buffer().HandleKeyspaceEvent(
      {"ks", {{{"zone1", 2}, {"ks", "0", TabletType::kPrimary}, true}}, MoveTablesState::kUnknown});
  Hear(2, true, 100);
  EXPECT_TRUE(EndsWhileDown(2, 100, 3, 102));
}

TEST_F(ReportEvidenceTest, E4_AnOldPrimaryThatReturnsDoesNotEndIt) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  Hear(2, true, 100);
  EXPECT_FALSE(EndsWhileDown(2, 100, 1, 100));
}

TEST_F(ReportEvidenceTest, E4_AnOldPrimaryThatWasPromotedAgainEndsIt) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  Hear(2, true, 100);
  EXPECT_TRUE(EndsWhileDown(2, 100, 1, 101));
}

// The first report names the primary, even if that server does not serve.
TEST_F(ReportEvidenceTest, E4_AServerThatWasBelievedWhileItDidNotServeIsAnOldPrimary) {
  Hear(1, false, 100);
  Hear(2, true, 100);
  EXPECT_FALSE(EndsWhileDown(2, 100, 1, 100));
}

TEST_F(ReportEvidenceTest, E4_AnOldPrimaryThatReturnsIsBelievedAfterTheLongestDuration) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  Hear(2, true, 100);
  Hear(2, false, 100);
  { const AsyncRequest request = Request(); }
  Pass(absl::Seconds(20), absl::Seconds(1));
  Hear(1, true, 100);
  AdvanceBeyondGuards();
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held()) << "server 1 is the primary that is missed";
}

TEST_F(ReportEvidenceTest, E4_AnOldPrimaryIsRememberedThoughManyServersReport) {
  for (const bool forgotten : {false, true}) {
    Create(ManualOptions());
    Hear(1, true, 100);
    Hear(1, false, 100);
    Hear(2, true, 100);
    const std::uint32_t last = forgotten ? 20 : 8;
    for (std::uint32_t uid = 3; uid <= last; ++uid) {
      Advance(absl::Seconds(1));
      Hear(uid, false, 100);
      Hear(2, true, 100);
    }
    EXPECT_FALSE(EndsWhileDown(2, 100, 1, 100)) << forgotten;
  }
}

TEST_F(ReportEvidenceTest, E4_OncePrimariesWereForgottenAnUnknownServerNeedsAHigherTerm) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  Hear(2, true, 100);
  for (std::uint32_t uid = 3; uid <= 20; ++uid) {
    Advance(absl::Seconds(1));
    Hear(uid, false, 100);
  }
  EXPECT_FALSE(EndsWhileDown(2, 100, 30, 100));
  Hear(30, true, 101);
  EXPECT_NE(state(), State::kBuffering);
}

// ---- E5: the believed primary was down, and serves ----------------------------------------------

TEST_F(ReportEvidenceTest, E5_AStampedReportMustBeNewerThanTheDown) {
  Hear(1, true, 100);
  Advance(absl::Seconds(10));
  HearObserved(1, false, 100, absl::Milliseconds(500));
  AsyncRequest request = Request();
  HearObserved(1, true, 100, absl::Milliseconds(500));
  EXPECT_FALSE(request.done()) << "it was observed together with the down";
  HearObserved(1, true, 100, absl::Milliseconds(499));
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 1u);
}

// ---- E6: the believed primary serves, observed after the hold began -----------------------------

TEST_F(ReportEvidenceTest, E6_AStampedReportMustBeNewerThanTheBegin) {
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Advance(absl::Milliseconds(100));
  HearObserved(1, true, 100, absl::Milliseconds(100));
  EXPECT_FALSE(request.done());
  HearObserved(1, true, 100, absl::Milliseconds(99));
  EXPECT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kPrimaryServingAgain);
}

TEST_F(ReportEvidenceTest, E6_AnUnstampedReportCountsAsObservedThreeSecondsBefore) {
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Advance(absl::Seconds(3));
  Hear(1, true, 100);
  EXPECT_FALSE(request.done());
  Advance(absl::Milliseconds(1));
  Hear(1, true, 100);
  EXPECT_TRUE(request.released());
}

TEST_F(ReportEvidenceTest, E6_TheDelayIsAnOption) {
  BufferOptions options = ManualOptions();
  options.unstamped_report_delay = absl::ZeroDuration();
  Create(options);
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  Hear(1, true, 100);
  EXPECT_FALSE(request.done());
  Advance(absl::Milliseconds(1));
  Hear(1, true, 100);
  EXPECT_TRUE(request.released());
}

TEST_F(ReportEvidenceTest, E6_AnotherServerDoesNotEndIt) {
  Hear(1, true, 100);
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(5));
  HearObserved(2, true, 100, absl::ZeroDuration());
  EXPECT_FALSE(request.done());
}

// ---- An operator's hold -------------------------------------------------------------------------

TEST_F(ReportEvidenceTest, AnOperatorsHoldIsNotEndedByThePrimary) {
  Hear(1, true, 100);
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Advance(absl::Seconds(5));
  HearObserved(1, true, 100, absl::ZeroDuration());
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(ReportEvidenceTest, AnOperatorsHoldIsNotEndedByAPrimaryThatWasDownBefore) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Hear(1, true, 100);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(ReportEvidenceTest, AnOperatorsHoldIsEndedByAPrimaryThatWentDownSince) {
  Hear(1, true, 100);
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Hear(1, false, 100);
  Hear(1, true, 100);
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Stops(StopReason::kPrimaryServingAgain), 1u);
}

TEST_F(ReportEvidenceTest, BugOperator_APrimaryThatWasNeverSeenServingMayGoDownSince) {
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Hear(1, false, 0);
  Hear(1, true, 0);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(ReportEvidenceTest, AnOperatorsHoldIsEndedByAnotherPrimary) {
  Hear(1, true, 100);
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Hear(2, true, 101);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(ReportEvidenceTest, AnOperatorsHoldIsEndedByASuccessorWithAnEqualTerm) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  Hear(2, true, 100);
  EXPECT_EQ(state(), State::kIdle);
}

// ---- A drain is stopped by a report "down"
// -------------------------------------------------------

TEST_F(ReportEvidenceTest, DownStopsADrainAndTheQueueStays) {
  Hear(1, true, 100);
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Hear(2, true, 200);
  ASSERT_TRUE(first.released());
  Hear(2, false, 200);
  EXPECT_EQ(state(), State::kBuffering);
  first.EndRetry();
  PollAll();
  EXPECT_FALSE(second.done());
  EXPECT_EQ(Stats().starts, 2u);
  Hear(3, true, 300);
  EXPECT_TRUE(second.released());
}

TEST_F(ReportEvidenceTest, DownOfAnotherServerStopsNoDrain) {
  Hear(1, true, 100);
  AsyncRequest first = Fail();
  Hear(2, true, 200);
  Hear(1, false, 200);
  EXPECT_EQ(state(), State::kDraining);
}

}  // namespace
}  // namespace failover::test
