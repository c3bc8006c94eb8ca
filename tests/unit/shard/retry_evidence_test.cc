// These tests cover what a retry proves: rules E7 and E8 of docs/design.md.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class RetryEvidenceTest : public EvidenceTest {
 protected:
  // `begins` has begun a hold, and its window lets it go.
  void PassWindow(AsyncRequest& begins) {
    ASSERT_TRUE(begins.held());
    Pass(absl::Seconds(10), absl::Seconds(1));
    ASSERT_TRUE(begins.released());
    ASSERT_EQ(state(), State::kBuffering);
  }
  void SetUp() override { Hear(1, true, 100); }
};

// ---- E7: a retry that succeeds ------------------------------------------------------------------

TEST_F(RetryEvidenceTest, E7_ASuccessEndsIt) {
  AsyncRequest request = Fail();
  PassWindow(request);
  AsyncRequest waits = Request();
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  ASSERT_TRUE(waits.released());
  EXPECT_EQ(waits.released_by(), StopReason::kRetrySucceeded);
  EXPECT_TRUE(Request().passed());
}

TEST_F(RetryEvidenceTest, E7_AnOkStatusIsASuccess) {
  AsyncRequest request = Fail();
  PassWindow(request);
  request.token()(absl::OkStatus());
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, E7_NothingElseIsASuccess) {
  for (const Attempt outcome : {Attempt::kNone, Attempt::kFailed, Attempt::kUnknown,
                                Attempt::kRefused, Attempt::kRefusedAtConnect}) {
    Create(ManualOptions());
    Hear(1, true, 100);
    AsyncRequest request = Fail();
    PassWindow(request);
    Tell(request, outcome);
    EXPECT_EQ(state(), State::kBuffering);
  }
}

TEST_F(RetryEvidenceTest, E7_ARequestThatWasNotRefusedProvesNothing) {
  AsyncRequest begins = Fail();
  AsyncRequest reads = Request();
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(reads, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_ARequestThatWasRefusedAtConnectProvesNothing) {
  AsyncRequest request = FailAtConnect();
  PassWindow(request);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_ARequestThatWritesProvesItWithoutARefusal) {
  AsyncRequest begins = Fail();
  AsyncRequest writes = Request(Writing());
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(writes, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, E7_ARequestThatWritesProvesItAfterARefusalAtConnect) {
  AsyncRequest request = FailAtConnect(Writing());
  PassWindow(request);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, BugForgot_ARequestThatWasRefusedAsAStatementStaysOne) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  ASSERT_TRUE(request.released()) << "the probe";
  AsyncRequest again = Return(request, Returning(), Attempt::kRefusedAtConnect);
  ASSERT_TRUE(again.held());
  Pass(absl::Milliseconds(100));
  ASSERT_TRUE(again.released()) << "the next probe";
  Tell(again, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, ARequestThatWritesStaysOneWhenItComesBack) {
  RequestContext context = Returning();
  context.writes = true;
  AsyncRequest request(buffer(), shard(), Attempt::kRefusedAtConnect, context);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(request.released()) << "the probe";
  AsyncRequest again = Return(request, Returning(), Attempt::kRefusedAtConnect);
  ASSERT_TRUE(again.held());
  Pass(absl::Milliseconds(100));
  ASSERT_TRUE(again.released()) << "the next probe";
  Tell(again, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, E7_ARetryOfAnEarlierHoldProvesNothing) {
  AsyncRequest request = Fail();
  PassWindow(request);
  Hear(2, true, 200);
  AdvanceBeyondGuards();
  // No report "down" comes, which alone would make the retry too old.
  const AsyncRequest next = Fail();
  ASSERT_EQ(state(), State::kBuffering);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_ARetryThatWasLetGoBeforeTheLastDownProvesNothing) {
  AsyncRequest request = Fail();
  PassWindow(request);
  Hear(1, false, 100);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_EachDownCounts) {
  Hear(1, false, 100);
  AsyncRequest request = Fail();
  PassWindow(request);
  Hear(1, false, 100);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_ADownOfAnotherServerDoesNotCount) {
  AsyncRequest request = Fail();
  PassWindow(request);
  Hear(2, false, 100);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, E7_ARetryThatWasLetGoAfterTheDownEndsIt) {
  Hear(1, false, 100);
  AsyncRequest request = Fail();
  PassWindow(request);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

TEST_F(RetryEvidenceTest, BugStillMissed_AfterASuccessThePrimaryIsNotMissedAnyMore) {
  Hear(1, false, 100);
  AsyncRequest request = Fail();
  PassWindow(request);
  Tell(request, Attempt::kSucceeded);
  EXPECT_TRUE(Request().passed());
  Hear(1, false, 100);
  EXPECT_TRUE(Request().held()) << "the next report is news";
}

TEST_F(RetryEvidenceTest, BugNeverServed_ADownOfAPrimaryThatWasNeverSeenServingCounts) {
  Create(ManualOptions());
  AsyncRequest request = Fail();
  PassWindow(request);
  Hear(1, false, 100);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RetryEvidenceTest, E7_AnOperatorsHoldIsEndedByNoSuccess) {
  ASSERT_TRUE(buffer().StartBuffering(shard(), "planned"));
  AsyncRequest request = Fail();
  PassWindow(request);
  Tell(request, Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kBuffering);
}

// ---- E8: a retry that is refused again
// ------------------------------------------------------------

class RefusedRetryTest : public RetryEvidenceTest {
 protected:
  // Two requests are held, and the drain lets the first one go.
  void BeginDrain(const RequestContext& context = {}) {
    first_.emplace(Fail(context));
    second_.emplace(Fail(context));
    Hear(2, true, 200);
    ASSERT_TRUE(first_->released());
    ASSERT_FALSE(second_->done());
  }
  void TearDown() override {
    first_.reset();
    second_.reset();
    RetryEvidenceTest::TearDown();
  }
  std::optional<AsyncRequest> first_;
  std::optional<AsyncRequest> second_;
};

TEST_F(RefusedRetryTest, E8_ARetryThatComesBackStopsTheDrain) {
  BeginDrain(Returning());
  const AsyncRequest again = Return(*first_);
  PollAll();
  EXPECT_TRUE(again.held());
  EXPECT_FALSE(second_->done());
  EXPECT_EQ(state(), State::kBuffering);
  EXPECT_TRUE(StartedOnSuspicion());
}

TEST_F(RefusedRetryTest, E8_WithoutMayProbeToo) {
  BeginDrain();
  const AsyncRequest again = Return(*first_, {});
  EXPECT_TRUE(again.held());
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RefusedRetryTest, E8_ARetryThatIsToldToBeRefusedStopsTheDrain) {
  for (const Attempt outcome : {Attempt::kRefused, Attempt::kRefusedAtConnect}) {
    first_.reset();
    second_.reset();
    Create(ManualOptions());
    Hear(1, true, 100);
    BeginDrain();
    Tell(*first_, outcome);
    EXPECT_FALSE(second_->done());
    EXPECT_EQ(state(), State::kBuffering);
  }
}

TEST_F(RefusedRetryTest, E8_AFailoversStatusIsARefusal) {
  BeginDrain();
  first_->token()(FailoverError());
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RefusedRetryTest, E8_OtherEndsAreNoRefusal) {
  for (const Attempt outcome :
       {Attempt::kNone, Attempt::kFailed, Attempt::kUnknown, Attempt::kSucceeded}) {
    first_.reset();
    second_.reset();
    Create(ManualOptions());
    Hear(1, true, 100);
    BeginDrain();
    Tell(*first_, outcome);
    EXPECT_TRUE(second_->released());
  }
}

TEST_F(RefusedRetryTest, E8_WhoIsQueuedIsReleasedInTheNextDrain) {
  BeginDrain(Returning());
  AsyncRequest again = Return(*first_);
  Advance(absl::Milliseconds(10));
  Hear(3, true, 300);
  ASSERT_TRUE(again.released()) << "it has its old place";
  EXPECT_FALSE(second_->done());
  Tell(again, Attempt::kSucceeded);
  EXPECT_TRUE(second_->released());
}

TEST_F(RefusedRetryTest, E8_InIdleItBeginsAHoldWithoutAGuard) {
  BeginDrain();
  Pass(absl::Seconds(20), absl::Seconds(1));
  // Both retries are overdue or beside the drain by now.
  ASSERT_EQ(state(), State::kIdle);
  Tell(*first_, Attempt::kRefused);
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(RefusedRetryTest, E8_ARetryThatWasLetGoBeforeTheLastEndIsNoNews) {
  AsyncRequest request = Fail(Returning());
  AsyncRequest plain = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  ASSERT_TRUE(plain.released());
  Hear(2, true, 200);
  ASSERT_EQ(state(), State::kIdle);
  Tell(plain, Attempt::kRefused);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(RefusedRetryTest, E8_ARetryOfBeforeTheEndThatComesBackMeetsTheGuards) {
  AsyncRequest plain = Fail();
  Pass(absl::Seconds(9), absl::Seconds(1));
  ASSERT_FALSE(plain.done());
  RequestContext returning = Returning();
  AsyncRequest probed = Fail(returning);
  Pass(absl::Seconds(1), absl::Milliseconds(100));
  ASSERT_TRUE(probed.released());
  Hear(2, true, 200);
  ASSERT_EQ(state(), State::kIdle);
  EXPECT_TRUE(Return(probed, {}).passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
  EXPECT_EQ(Stats().requests_retrying, 1u) << "its token has ended";
}

// ---- Draining -----------------------------------------------------------------------------------

TEST_F(RefusedRetryTest, InADrainARequestThatMayComeBackJoinsTheQueue) {
  BeginDrain();
  AsyncRequest joins = FailReturning();
  EXPECT_TRUE(joins.held());
  first_->EndRetry();
  PollAll();
  second_->EndRetry();
  PollAll();
  EXPECT_TRUE(joins.released());
}

TEST_F(RefusedRetryTest, InADrainAnotherRequestPassesAndIsCounted) {
  BeginDrain();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kDraining), 1u);
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(Request(Returning()).passed());
  EXPECT_EQ(Skipped(SkippedReason::kDraining), 1u);
}

}  // namespace
}  // namespace failover::test
