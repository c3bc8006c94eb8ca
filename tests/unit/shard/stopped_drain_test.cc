// These tests cover what stops a drain before the next request is let go (docs/design.md, "The
// drain" and rule E2).
#include <gtest/gtest.h>

#include <optional>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class StoppedDrainTest : public EvidenceTest {
 protected:
  // A drain has let two requests go, and a third one waits for its turn. The primary is server 2
  // with term 200.
  void BeginDrain(BufferOptions options) {
    options.drain_concurrency = 2;
    Create(options);
    Hear(1, true, 100);
    first_.emplace(FailReturning());
    hangs_.emplace(Fail());
    waits_.emplace(Fail());
    Hear(2, true, 200);
    ASSERT_TRUE(first_->released());
    ASSERT_TRUE(hangs_->released());
    ASSERT_FALSE(waits_->done());
  }
  BufferOptions Options(absl::Duration down_confirmation = absl::ZeroDuration()) {
    BufferOptions options = ManualOptions();
    options.down_confirmation = down_confirmation;
    options.max_retry_time = absl::Seconds(3);
    return options;
  }
  // Both retries are overdue, but nobody has looked yet.
  void MakeOverdue() { clock_.Advance(absl::Seconds(3)); }

  void TearDown() override {
    first_.reset();
    hangs_.reset();
    waits_.reset();
    EvidenceTest::TearDown();
  }

  std::optional<AsyncRequest> first_;
  std::optional<AsyncRequest> hangs_;
  std::optional<AsyncRequest> waits_;
};

// ---- Evidence and time in one call --------------------------------------------------------------

TEST_F(StoppedDrainTest, BugReleasedFirst_ADownIsDecidedBeforeOverdueRetriesMakeRoom) {
  BeginDrain(Options());
  MakeOverdue();
  Hear(2, false, 200);
  EXPECT_FALSE(waits_->done());
  EXPECT_EQ(state(), State::kBuffering);
  EXPECT_EQ(Stats().retries_overdue, 2u);
}

TEST_F(StoppedDrainTest, BugReleasedFirst_ARefusedRetryThatComesBackIsDecidedFirst) {
  BeginDrain(Options());
  MakeOverdue();
  const AsyncRequest again = Return(*first_);
  PollAll();
  EXPECT_TRUE(again.held());
  EXPECT_FALSE(waits_->done());
}

TEST_F(StoppedDrainTest, BugReleasedFirst_ARefusedRetryThatIsToldIsDecidedFirst) {
  BeginDrain(Options());
  MakeOverdue();
  Tell(*first_, Attempt::kRefused);
  EXPECT_FALSE(waits_->done());
  EXPECT_EQ(state(), State::kBuffering);
}

TEST_F(StoppedDrainTest, WhatStopsNothingLetsTheNextGo) {
  BeginDrain(Options());
  MakeOverdue();
  const AsyncRequest passes = Fail();
  EXPECT_TRUE(passes.passed());
  PollAll();
  EXPECT_TRUE(waits_->released());
}

TEST_F(StoppedDrainTest, ALateReportLetsTheNextGo) {
  BeginDrain(Options());
  clock_.Advance(absl::Seconds(1));
  HearObserved(2, true, 200, absl::ZeroDuration());
  clock_.Advance(absl::Seconds(2));
  TabletStats late = PrimaryReport(2, true, 200);
  late.observed_at = clock_.Now() - absl::Milliseconds(2500);
  buffer().StatsUpdate(late);
  EXPECT_EQ(Stats().reports_late, 1u);
  EXPECT_TRUE(waits_->released());
}

// ---- A "down" that must be confirmed ------------------------------------------------------------

TEST_F(StoppedDrainTest, BugUnconfirmed_ADownStopsTheDrainAtOnce) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  PollAll();
  EXPECT_FALSE(waits_->done());
  EXPECT_TRUE(Request().passed()) << "what has not failed is held only after the confirmation";
}

TEST_F(StoppedDrainTest, AfterTheConfirmationAHoldBeginsByItself) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  Advance(absl::Seconds(2) - absl::Milliseconds(1));
  EXPECT_EQ(state(), State::kDraining);
  Advance(absl::Milliseconds(1));
  EXPECT_EQ(state(), State::kBuffering);
  EXPECT_FALSE(waits_->done());
  EXPECT_FALSE(StartedOnSuspicion());
  Hear(3, true, 300);
  EXPECT_TRUE(waits_->released());
}

TEST_F(StoppedDrainTest, TheDrainGoesOnIfThePrimaryServesAgain) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  Hear(2, true, 200);
  EXPECT_TRUE(waits_->released());
  EXPECT_EQ(state(), State::kDraining);
}

TEST_F(StoppedDrainTest, TheDrainGoesOnWithAnotherPrimary) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  Hear(3, true, 200);
  EXPECT_TRUE(waits_->released());
}

// No hold may begin, so nothing would end the wait.
TEST_F(StoppedDrainTest, TheDrainGoesOnIfTheBudgetIsUsedUp) {
  BufferOptions options = Options(absl::Milliseconds(200));
  options.window = absl::Seconds(20);
  options.drain_concurrency = 1;
  Create(options);
  Hear(1, true, 100);
  first_.emplace(Fail());
  waits_.emplace(Fail());
  Advance(absl::Milliseconds(19500));
  Hear(2, true, 200);
  ASSERT_TRUE(first_->released());
  Hear(2, false, 200);
  first_->EndRetry();
  PollAll();
  EXPECT_FALSE(waits_->done());
  Advance(absl::Milliseconds(200));
  EXPECT_TRUE(waits_->released());
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(StoppedDrainTest, ARequestThatMayComeBackJoinsAndWaits) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  const AsyncRequest joins = FailReturning();
  PollAll();
  EXPECT_TRUE(joins.held());
  EXPECT_FALSE(joins.done());
  EXPECT_FALSE(waits_->done());
}

TEST_F(StoppedDrainTest, AWindowEndsTheWait) {
  BufferOptions options = Options(absl::Seconds(15));
  BeginDrain(options);
  Hear(2, false, 200);
  Pass(absl::Seconds(10), absl::Seconds(1));
  EXPECT_TRUE(waits_->released());
  EXPECT_EQ(Evicted(EvictedReason::kWindowExceeded), 1u);
}

TEST_F(StoppedDrainTest, ACancelOfTheLastRequestEndsTheDrain) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  EXPECT_TRUE(waits_->handle().Cancel());
  EXPECT_EQ(PollAll(), absl::InfiniteDuration());
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(StoppedDrainTest, ACancellationOfTheLastRequestEndsTheDrain) {
  BeginDrain(Options(absl::Seconds(2)));
  Cancellation cancellation;
  RequestContext context = Returning();
  context.cancellation = &cancellation;
  const AsyncRequest joins = Fail(context);
  ASSERT_TRUE(joins.held());
  Hear(2, false, 200);
  first_->EndRetry();
  hangs_->EndRetry();
  EXPECT_TRUE(waits_->handle().Cancel());
  EXPECT_EQ(state(), State::kDraining);
  cancellation.Cancel();
  EXPECT_EQ(PollAll(), absl::InfiniteDuration());
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(StoppedDrainTest, AShutdownLetsAllGo) {
  BeginDrain(Options(absl::Seconds(2)));
  Hear(2, false, 200);
  buffer().Shutdown();
  EXPECT_TRUE(waits_->released());
}

}  // namespace
}  // namespace failover::test
