// These tests cover one hold as plain data: its patience, its suspicion, its probes, its budget and
// the guards before it.
#include "shard/hold.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "shard/hold_budget.h"
#include "shard/start_guard.h"
#include "shard/transition_queue.h"

namespace failover::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr HoldTerms kTerms;
constexpr HoldBudget::Terms kBudget{seconds(20), seconds(60)};
// A smaller budget, as after a reload.
constexpr HoldBudget::Terms kSmaller{seconds(5), seconds(60)};
constexpr seconds kLongest(20);
constexpr std::uint64_t kBegan = 100;
constexpr std::uint64_t kProbe = 101;

Instant At(int second) { return Instant(seconds(second)); }

Hold MakeHold(HoldCause cause, bool on_suspicion = false, milliseconds patience = milliseconds(0)) {
  return Hold(At(10), kBegan, cause, on_suspicion, kTerms, After(At(10), patience), kLongest);
}

// ---- Patience -----------------------------------------------------------------------------------

TEST(PatienceTest, DoublesUpToOneSecondAndBeginsAnew) {
  Patience patience;
  EXPECT_LT(patience.until(), At(0));
  int second = 10;
  for (const int expected : {50, 100, 200, 400, 800, 1000, 1000}) {
    second += 10;
    patience.Extend(At(second));
    EXPECT_EQ(patience.until(), At(second) + milliseconds(expected));
  }
  patience.Reset();
  EXPECT_LT(patience.until(), At(0));
  patience.Extend(At(100));
  EXPECT_EQ(patience.until(), At(100) + milliseconds(50));
}

// ---- Hold ---------------------------------------------------------------------------------------

TEST(HoldTest, ASuspicionEndsEarly) {
  EXPECT_EQ(MakeHold(HoldCause::kFailedRequest).end(), At(30));
  EXPECT_EQ(MakeHold(HoldCause::kFailedRequest, true).end(), At(11));
}

TEST(HoldTest, ADownOrARefusedRetryConfirmsASuspicion) {
  Hold down = MakeHold(HoldCause::kFailedRequest, true);
  down.OnDown();
  EXPECT_EQ(down.end(), At(30));
  EXPECT_FALSE(down.retry_refused());
  Hold refused = MakeHold(HoldCause::kFailedRequest, true);
  refused.NoteRefusedRetry();
  refused.OnRefusedRetry(kProbe, At(10) + milliseconds(50));
  EXPECT_EQ(refused.end(), At(30));
  EXPECT_TRUE(refused.retry_refused());
}

TEST(HoldTest, TheFirstProbeGoesByTheCause) {
  EXPECT_EQ(MakeHold(HoldCause::kFailedRequest).next_probe(), At(11));
  EXPECT_EQ(MakeHold(HoldCause::kFailedRequest, true).next_probe(), At(10) + milliseconds(50));
  EXPECT_EQ(MakeHold(HoldCause::kRefusedRetry, true, milliseconds(400)).next_probe(),
            At(10) + milliseconds(400));
}

TEST(HoldTest, AProbeIsAloneForOneSecond) {
  Hold hold = MakeHold(HoldCause::kFailedRequest);
  hold.OnProbeLetGo(At(11), kProbe);
  EXPECT_EQ(hold.next_probe(), At(12));
}

TEST(HoldTest, AProbeThatProvedNothingIsFollowedAsAfterABegin) {
  Hold hold = MakeHold(HoldCause::kFailedRequest);
  hold.OnProbeLetGo(At(11), kProbe);
  hold.OnProbeEnd(At(11) + milliseconds(5), kProbe, kTerms);
  EXPECT_EQ(hold.next_probe(), At(12) + milliseconds(5));
  Hold suspicion = MakeHold(HoldCause::kFailedRequest, true);
  suspicion.OnProbeLetGo(At(11), kProbe);
  suspicion.OnProbeEnd(At(11), kProbe, kTerms);
  EXPECT_EQ(suspicion.next_probe(), At(11) + milliseconds(50));
}

TEST(HoldTest, TheEndOfAnEarlierProbeChangesNothing) {
  Hold hold = MakeHold(HoldCause::kFailedRequest);
  hold.OnProbeLetGo(At(11), kProbe);
  hold.OnProbeLetGo(At(12), kProbe + 1);
  hold.OnProbeEnd(At(12), kProbe, kTerms);
  EXPECT_EQ(hold.next_probe(), At(13));
}

TEST(HoldTest, ARefusedRetryBesideTheProbeLetsNoOtherGoEarlier) {
  Hold hold = MakeHold(HoldCause::kFailedRequest);
  hold.OnProbeLetGo(At(11), kProbe);
  hold.OnRefusedRetry(kProbe + 1, At(11) + milliseconds(50));
  EXPECT_EQ(hold.next_probe(), At(12)) << "the probe is still under way";
}

TEST(HoldTest, AServingPrimaryMustHaveBeenObservedAfterTheBegin) {
  const Hold hold = MakeHold(HoldCause::kFailedRequest);
  EXPECT_FALSE(hold.EndsByServing(false, At(10)));
  EXPECT_TRUE(hold.EndsByServing(false, At(10) + milliseconds(1)));
  EXPECT_TRUE(hold.EndsByServing(true, At(9))) << "it was down";
}

TEST(HoldTest, AServingPrimaryMustHaveBeenObservedAfterThePatience) {
  Hold hold = MakeHold(HoldCause::kFailedRequest);
  hold.OnRefusedRetry(kProbe, At(12) + milliseconds(500));
  EXPECT_FALSE(hold.EndsByServing(true, At(12) + milliseconds(500)));
  EXPECT_TRUE(hold.EndsByServing(false, At(12) + milliseconds(501)));
}

TEST(HoldTest, AnEarlyReturnCountsOnceThePatienceIsOver) {
  Hold hold = MakeHold(HoldCause::kRefusedRetry, true, milliseconds(50));
  EXPECT_EQ(hold.return_counts(), kNever);
  hold.OnEarlyReturn();
  EXPECT_EQ(hold.return_counts(), At(10) + milliseconds(50));
  hold.OnRefusedRetry(kProbe, At(11) + milliseconds(100));
  EXPECT_EQ(hold.return_counts(), At(11) + milliseconds(100));
  hold.OnDown();
  EXPECT_EQ(hold.return_counts(), kNever);
}

TEST(HoldTest, AnOperatorKnowsBetterThanThePrimary) {
  Hold hold = MakeHold(HoldCause::kOperator);
  EXPECT_FALSE(hold.EndsByServing(true, At(15)));
  hold.OnEarlyReturn();
  EXPECT_EQ(hold.return_counts(), kNever);
  hold.OnDown();
  EXPECT_TRUE(hold.EndsByServing(true, At(15)));
}

// ---- HoldBudget ---------------------------------------------------------------------------------

TEST(HoldBudgetTest, IsFullAtFirst) { EXPECT_EQ(HoldBudget().Left(kBudget, At(0)), seconds(20)); }

TEST(HoldBudgetTest, OtherTermsKeepWhatIsMissing) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(15));
  constexpr HoldBudget::Terms kLarger{seconds(60), seconds(120)};
  budget.ChangeTerms(kBudget, kLarger, At(30));
  EXPECT_EQ(budget.Left(kLarger, At(30)), seconds(50)) << "five of the fifteen had come back";
  EXPECT_EQ(budget.Left(kLarger, At(40)), seconds(55));
  budget.ChangeTerms(kLarger, kLarger, At(45));
  EXPECT_EQ(budget.refilled_from(), At(30)) << "the same terms change nothing";
  constexpr HoldBudget::Terms kTiny{seconds(2), seconds(4)};
  budget.ChangeTerms(kLarger, kTiny, At(30));
  EXPECT_EQ(budget.Left(kTiny, At(30)), seconds(0)) << "no more is missing than there is";
  EXPECT_EQ(budget.Left(kTiny, At(34)), seconds(2));
}

TEST(HoldBudgetTest, ComesBackEvenly) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(15));
  EXPECT_EQ(budget.Left(kBudget, At(15)), seconds(5));
  EXPECT_EQ(budget.Left(kBudget, At(45)), seconds(15));
  EXPECT_EQ(budget.Left(kBudget, At(60)), seconds(20));
  EXPECT_EQ(budget.Left(kBudget, At(9999)), seconds(20));
}

TEST(HoldBudgetTest, ASecondHoldSpendsWhatHadComeBack) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(15));
  budget.Spend(kBudget, At(30), At(35));
  EXPECT_EQ(budget.Left(kBudget, At(35)), seconds(5));
}

TEST(HoldBudgetTest, NothingComesBackInAPause) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(15));
  budget.Pause(kBudget, At(30), At(50));
  EXPECT_EQ(budget.Left(kBudget, At(50)), seconds(10));
  EXPECT_EQ(budget.Left(kBudget, At(80)), seconds(20));
}

TEST(HoldBudgetTest, APauseOfAFullBudgetChangesNothing) {
  HoldBudget budget;
  budget.Pause(kBudget, At(0), At(15));
  EXPECT_EQ(budget.Left(kBudget, At(15)), seconds(20));
}

TEST(HoldBudgetTest, BugNegativeBudget_ALongerHoldThanASmallerBudgetAllows) {
  HoldBudget budget;
  budget.ChangeTerms(kBudget, kSmaller, At(0));
  budget.Spend(kSmaller, At(0), At(20));
  EXPECT_EQ(budget.Left(kSmaller, At(20)), seconds(0));
  EXPECT_EQ(budget.LeftThen(kSmaller), seconds(0));
  EXPECT_EQ(budget.Left(kSmaller, At(50)), milliseconds(2500)) << "it comes back at once";
}

TEST(HoldBudgetTest, BugBudgetFromReloads_ThereAndBackGivesNothing) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(20));
  budget.ChangeTerms(kBudget, kSmaller, At(20));
  budget.ChangeTerms(kSmaller, kBudget, At(20));
  EXPECT_EQ(budget.Left(kBudget, At(20)), seconds(0));
  budget.ChangeTerms(kBudget, kSmaller, At(20));
  budget.ChangeTerms(kSmaller, kBudget, At(32));
  EXPECT_EQ(budget.Left(kBudget, At(32)), seconds(1)) << "a second had come back";
  EXPECT_EQ(budget.Left(kBudget, At(92)), seconds(20));
}

TEST(HoldBudgetTest, BugBudgetFromReloads_WhatAHoldTookBeyondASmallerBudgetIsMissingAfterwards) {
  HoldBudget budget;
  budget.ChangeTerms(kBudget, kSmaller, At(0));
  budget.Spend(kSmaller, At(0), At(20));
  budget.ChangeTerms(kSmaller, kBudget, At(20));
  EXPECT_EQ(budget.Left(kBudget, At(20)), seconds(0));
}

TEST(HoldBudgetTest, BugBudgetFromReloads_AfterAWholeTimeWithoutAHoldNothingIsMissing) {
  HoldBudget budget;
  budget.Spend(kBudget, At(0), At(20));
  budget.ChangeTerms(kBudget, kSmaller, At(20));
  budget.ChangeTerms(kSmaller, kBudget, At(80));
  EXPECT_EQ(budget.Left(kBudget, At(80)), seconds(20));
}

// ---- StartGuard ---------------------------------------------------------------------------------

StartGuard::Sign SignOf(HoldCause cause, bool may_probe = false) {
  StartGuard::Sign sign;
  sign.cause = cause;
  sign.may_probe = may_probe;
  return sign;
}

// A guard whose last hold took `duration` until second 30, and ended for `reason`.
StartGuard EndedAt30(StopReason reason, int duration = 5) {
  StartGuard guard;
  guard.OnStart();
  const Hold hold(At(30 - duration), kBegan, HoldCause::kFailedRequest, false, kTerms, {},
                  kLongest);
  guard.OnEnd(kBudget, hold, reason, At(30));
  return guard;
}

using Verdict = StartGuard::Verdict;

TEST(StartGuardJudgementTest, AfterAnotherPrimaryOnlyAFailedRequestMeetsTheGuard) {
  const StartGuard guard = EndedAt30(StopReason::kNewPrimarySeen);
  const auto judge = [&guard](const StartGuard::Sign& sign) {
    return guard.Judge(kBudget, At(40), sign).verdict;
  };
  EXPECT_EQ(judge(SignOf(HoldCause::kFailedRequest)), Verdict::kPass);
  EXPECT_EQ(judge(SignOf(HoldCause::kFailedRequest, true)), Verdict::kStartOnSuspicion);
  EXPECT_EQ(judge(SignOf(HoldCause::kPrimaryDown)), Verdict::kStart);
  EXPECT_EQ(judge(SignOf(HoldCause::kRefusedRetry)), Verdict::kStartOnSuspicion);
  EXPECT_EQ(judge(SignOf(HoldCause::kOperator)), Verdict::kStart);
  StartGuard::Sign down = SignOf(HoldCause::kFailedRequest);
  down.reported_down = true;
  EXPECT_EQ(judge(down), Verdict::kStart);
}

TEST(StartGuardJudgementTest, AnEndByTheSamePrimaryStartsNoGuard) {
  for (const StopReason reason : {StopReason::kPrimaryServingAgain, StopReason::kRetrySucceeded}) {
    EXPECT_EQ(EndedAt30(reason).Judge(kBudget, At(31), SignOf(HoldCause::kFailedRequest)).verdict,
              Verdict::kStart);
  }
}

TEST(StartGuardJudgementTest, OnlyTheEndOfTheTimeCountsTowardsTheLatch) {
  EXPECT_EQ(EndedAt30(StopReason::kMaxDurationExceeded).held_since_health(), seconds(5));
  for (const StopReason reason : {StopReason::kNewPrimarySeen, StopReason::kPrimaryServingAgain,
                                  StopReason::kRetrySucceeded, StopReason::kManual}) {
    EXPECT_EQ(EndedAt30(reason).held_since_health(), seconds(0)) << ToString(reason);
  }
}

TEST(StartGuardJudgementTest, WithLessThanOneSecondLeftOnlyAnOperatorBegins) {
  const StartGuard guard = EndedAt30(StopReason::kPrimaryServingAgain, 20);
  for (const HoldCause cause :
       {HoldCause::kFailedRequest, HoldCause::kPrimaryDown, HoldCause::kRefusedRetry}) {
    const StartGuard::Judgement judgement = guard.Judge(kBudget, At(31), SignOf(cause, true));
    EXPECT_EQ(judgement.verdict, Verdict::kPass);
    EXPECT_EQ(judgement.reason, SkippedReason::kBudgetUsedUp);
  }
  EXPECT_EQ(guard.Judge(kBudget, At(31), SignOf(HoldCause::kOperator)).verdict, Verdict::kStart);
  EXPECT_EQ(guard.Judge(kBudget, At(34), SignOf(HoldCause::kPrimaryDown)).verdict, Verdict::kStart);
}

TEST(StartGuardJudgementTest, ALatchedShardBeginsOnlyForAnOperator) {
  StartGuard guard;
  guard.OnStart();
  guard.LatchAtEnd(At(30));
  guard.OnEnd(kBudget, Hold(At(10), kBegan, HoldCause::kFailedRequest, false, kTerms, {}, kLongest),
              StopReason::kMaxDurationExceeded, At(30));
  for (const HoldCause cause :
       {HoldCause::kFailedRequest, HoldCause::kPrimaryDown, HoldCause::kRefusedRetry}) {
    EXPECT_EQ(guard.Judge(kBudget, At(89), SignOf(cause, true)).verdict, Verdict::kPass);
  }
  EXPECT_EQ(guard.Judge(kBudget, At(89), SignOf(HoldCause::kOperator)).verdict, Verdict::kStart);
  EXPECT_EQ(guard.Judge(kBudget, At(90), SignOf(HoldCause::kFailedRequest)).verdict,
            Verdict::kStart);
  EXPECT_EQ(guard.Judge(kBudget, At(90), SignOf(HoldCause::kPrimaryDown)).verdict, Verdict::kPass);
  guard.OnReport(At(80));
  EXPECT_EQ(guard.Judge(kBudget, At(139), SignOf(HoldCause::kFailedRequest)).verdict,
            Verdict::kPass);
  guard.OnHealth();
  EXPECT_EQ(guard.Judge(kBudget, At(139), SignOf(HoldCause::kPrimaryDown)).verdict,
            Verdict::kStart);
}

// ---- TransitionQueue ----------------------------------------------------------------------------

StateChange ChangeTo(State to) {
  StateChange change;
  change.to = to;
  return change;
}

TEST(TransitionQueueTest, OneThreadAtATimeDelivers) {
  TransitionQueue queue;
  EXPECT_FALSE(queue.BeginDelivery()) << "nothing is there";
  queue.Add(ChangeTo(State::kBuffering));
  EXPECT_TRUE(queue.BeginDelivery());
  queue.Add(ChangeTo(State::kDraining));
  EXPECT_FALSE(queue.BeginDelivery());
  StateChange change;
  ASSERT_TRUE(queue.Next(&change));
  EXPECT_EQ(change.to, State::kBuffering);
  ASSERT_TRUE(queue.Next(&change));
  EXPECT_EQ(change.to, State::kDraining);
  EXPECT_FALSE(queue.Next(&change));
  queue.Add(ChangeTo(State::kIdle));
  EXPECT_TRUE(queue.BeginDelivery());
  ASSERT_TRUE(queue.Next(&change));
  EXPECT_EQ(change.to, State::kIdle);
  EXPECT_EQ(queue.lost(), 0u);
}

}  // namespace
}  // namespace failover::internal
