// These tests cover RetrySteps, the rules of a retry loop.
#include "retry_steps_test.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "failover/attempt_of.h"
#include "failover/errors.h"
#include "failover/retry_steps.h"

namespace failover::test {
namespace {

TEST_F(RetryStepsTest, TheFirstStepAsksTheBuffer) {
  RequestContext context = WithTimeout(absl::Seconds(5));
  context.bytes = 7;
  context.writes = true;
  EXPECT_EQ(steps_.Start(Now(), context), Step::kWait);
  EXPECT_EQ(steps_.last(), Attempt::kNone);
  EXPECT_FALSE(steps_.TakePrevious());
  const RequestContext given = steps_.context(Now() + absl::Seconds(1));
  EXPECT_EQ(given.timeout, absl::Seconds(4));
  EXPECT_EQ(given.bytes, 7u);
  EXPECT_TRUE(given.writes);
  EXPECT_TRUE(given.may_probe);
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
}

// --- How an attempt ends -------------------------------------------------------------------------

TEST_F(RetryStepsTest, OnlyARefusedAttemptIsRepeated) {
  for (const Attempt attempt : kEveryEnd) {
    StartAttempt();
    const Step next = steps_.AttemptEnded(attempt);
    EXPECT_EQ(next, IsRefused(attempt) ? Step::kWait : Step::kFinish) << Name(attempt);
    EXPECT_EQ(steps_.last(), attempt);
    if (next == Step::kWait) steps_.WaitEnded(absl::CancelledError("the client is gone"));
  }
}

TEST_F(RetryStepsTest, ARefusedRetryHandsItsTokenBackUntold) {
  for (const Attempt attempt : {Attempt::kRefused, Attempt::kRefusedAtConnect}) {
    RetrySteps steps;
    steps.Start(Now(), {});
    steps.WaitEnded(HeldToken());
    EXPECT_EQ(steps.AttemptEnded(attempt), Step::kWait);
    EXPECT_EQ(EndOfLast(), Told::kNotEnded);
    RetryDoneFunc previous = steps.TakePrevious();
    EXPECT_TRUE(previous);
    EXPECT_FALSE(steps.TakePrevious()) << "there is one token, not two";
    EXPECT_EQ(EndOfLast(), Told::kNotEnded);
  }
}

TEST_F(RetryStepsTest, EveryOtherEndIsToldToTheToken) {
  const std::pair<Attempt, Told> kEnds[] = {{Attempt::kSucceeded, Told::kSucceeded},
                                            {Attempt::kFailed, Told::kFailed},
                                            {Attempt::kUnknown, Told::kFailed}};
  for (const auto& [attempt, told] : kEnds) {
    StartAttempt({}, /*held=*/true);
    EXPECT_EQ(EndOfLast(), Told::kNotEnded);
    EXPECT_EQ(steps_.AttemptEnded(attempt), Step::kFinish);
    EXPECT_EQ(EndOfLast(), told) << Name(attempt);
  }
}

TEST_F(RetryStepsTest, TheResultIsTheErrorThatTheRouterGave) {
  for (const Attempt attempt : {Attempt::kFailed, Attempt::kUnknown}) {
    StartAttempt();
    steps_.AttemptEnded(Now(), OtherError(), attempt);
    EXPECT_EQ(steps_.result(), OtherError());
    EXPECT_EQ(steps_.error(), OtherError());
  }
  StartAttempt();
  steps_.AttemptEnded(Now(), absl::OkStatus(), Attempt::kSucceeded);
  EXPECT_TRUE(steps_.result().ok());
}

TEST_F(RetryStepsTest, WithoutAnErrorTheResultSaysHowTheAttemptEnded) {
  steps_ = RetrySteps(RetryPolicy{1});
  for (const Attempt attempt : kEveryEnd) {
    StartAttempt();
    EXPECT_EQ(steps_.AttemptEnded(attempt), Step::kFinish);
    EXPECT_EQ(steps_.result().ok(), attempt == Attempt::kSucceeded) << Name(attempt);
    EXPECT_EQ(CausedByFailover(steps_.result()), IsRefused(attempt)) << steps_.result();
    EXPECT_EQ(steps_.result().message().empty(), steps_.result().ok());
    EXPECT_EQ(AttemptOf(buffer(), steps_.result()), attempt) << "the words mean the same";
  }
}

TEST_F(RetryStepsTest, AnErrorThatComesWithASuccessIsNoError) {
  StartAttempt();
  steps_.AttemptEnded(Now(), OtherError(), Attempt::kSucceeded);
  EXPECT_TRUE(steps_.result().ok());
}

// --- How a wait ends -----------------------------------------------------------------------------

TEST_F(RetryStepsTest, AfterAWaitComesAnAttempt) {
  for (const bool held : {false, true}) {
    RetrySteps steps;
    steps.Start(Now(), {});
    EXPECT_EQ(steps.WaitEnded(held ? HeldToken() : RetryDoneFunc()), Step::kAttempt);
    EXPECT_EQ(steps.AttemptEnded(Attempt::kRefused), Step::kWait);
    EXPECT_EQ(static_cast<bool>(steps.TakePrevious()), held);
    EXPECT_EQ(steps.WaitEnded(held ? HeldToken() : RetryDoneFunc()), Step::kAttempt);
  }
}

TEST_F(RetryStepsTest, AnErrorOfTheBufferIsTheResult) {
  for (const bool attempted : {false, true}) {
    for (const absl::Status& error : {absl::UnavailableError("full, evicted or no such shard"),
                                      absl::CancelledError("cancelled")}) {
      steps_.Start(Now(), {});
      if (attempted) {
        steps_.WaitEnded(RetryDoneFunc());
        steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused);
      }
      EXPECT_EQ(steps_.WaitEnded(error), Step::kFinish);
      EXPECT_EQ(steps_.result(), error);
      EXPECT_EQ(steps_.wait_error(), error);
    }
  }
}

TEST_F(RetryStepsTest, WhenTimeIsOverTheResultIsTheAttemptsOwnError) {
  const absl::Status time_is_over = absl::DeadlineExceededError("the window or the timeout");
  StartAttempt({}, /*held=*/true);
  steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused);
  static_cast<void>(steps_.TakePrevious());
  EXPECT_EQ(steps_.WaitEnded(time_is_over), Step::kFinish);
  EXPECT_EQ(steps_.result(), FailoverError());
  EXPECT_EQ(steps_.wait_error(), time_is_over);

  steps_.Start(Now(), {});
  EXPECT_EQ(steps_.WaitEnded(time_is_over), Step::kFinish);
  EXPECT_EQ(steps_.result(), time_is_over) << "there was no attempt";
  EXPECT_EQ(steps_.error(), absl::OkStatus());
}

TEST_F(RetryStepsTest, ATokenThatIsNotTakenIsToldOfTheRefusal) {
  for (const bool ok : {false, true}) {
    RetrySteps steps;
    steps.Start(Now(), {});
    steps.WaitEnded(HeldToken());
    steps.AttemptEnded(Attempt::kRefused);
    if (ok) {
      EXPECT_EQ(steps.WaitEnded(RetryDoneFunc()), Step::kAttempt);
    } else {
      EXPECT_EQ(steps.WaitEnded(absl::UnavailableError("full")), Step::kFinish);
    }
    EXPECT_EQ(EndOfLast(), Told::kFailed);
  }
}

// --- How many attempts ---------------------------------------------------------------------------

TEST_F(RetryStepsTest, WithoutAHoldThereAreThreeAttempts) {
  steps_.Start(Now(), {});
  int attempts = 0;
  while (steps_.step() != Step::kFinish) {
    EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
    ASSERT_LE(++attempts, 3);
    steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused);
  }
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(steps_.result(), FailoverError());
}

TEST_F(RetryStepsTest, AHoldBeginsToCountAnew) {
  steps_.Start(Now(), {});
  steps_.WaitEnded(RetryDoneFunc());
  for (int holds = 0; holds < 10; ++holds) {
    EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kWait) << holds;
    static_cast<void>(steps_.TakePrevious());
    EXPECT_EQ(steps_.WaitEnded(HeldToken()), Step::kAttempt);
  }
  for (int attempt = 1; attempt < 3; ++attempt) {
    EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kWait);
    static_cast<void>(steps_.TakePrevious());
    EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
  }
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kFinish);
}

TEST_F(RetryStepsTest, TheLastRefusalIsToldToTheToken) {
  steps_ = RetrySteps(RetryPolicy{1});
  StartAttempt({}, /*held=*/true);
  EXPECT_EQ(steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused), Step::kFinish);
  EXPECT_EQ(EndOfLast(), Told::kFailed);
  EXPECT_EQ(steps_.result(), FailoverError());
}

TEST_F(RetryStepsTest, LessThanOneAttemptCountsAsOne) {
  for (const int max_attempts : {1, 0, -7, std::numeric_limits<int>::min()}) {
    steps_ = RetrySteps(RetryPolicy{max_attempts});
    StartAttempt();
    EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kFinish) << max_attempts;
  }
}

// --- The timeout ---------------------------------------------------------------------------------

TEST_F(RetryStepsTest, EachWaitGetsWhatIsLeftOfTheTimeout) {
  const absl::Time begin = Now();
  StartAttempt(WithTimeout(absl::Seconds(5)));
  steps_.AttemptEnded(begin + absl::Seconds(2), Attempt::kRefused);
  EXPECT_EQ(steps_.context(begin + absl::Seconds(3)).timeout, absl::Seconds(2));
  EXPECT_EQ(steps_.context(begin).timeout, absl::Seconds(2)) << "time does not go back";
}

TEST_F(RetryStepsTest, WithoutATimeoutTimeDoesNotMatter) {
  for (const absl::Time now : {absl::InfinitePast(), Now()}) {
    RetrySteps steps;
    steps.Start(now, {});
    EXPECT_EQ(steps.context(now).timeout, absl::InfiniteDuration());
    EXPECT_EQ(steps.WaitEnded(now + absl::Hours(1), HeldToken()), Step::kAttempt);
    EXPECT_EQ(steps.AttemptEnded(now + absl::Hours(2), Attempt::kRefused), Step::kWait);
    EXPECT_EQ(steps.context(now + absl::Hours(3)).timeout, absl::InfiniteDuration());
  }
}

TEST_F(RetryStepsTest, ATimeoutOfZeroOrLessStillPasses) {
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), absl::Seconds(-1), -absl::InfiniteDuration()}) {
    steps_.Start(Now(), WithTimeout(timeout));
    EXPECT_EQ(steps_.context(Now()).timeout, timeout);
    EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt) << timeout;
    EXPECT_EQ(steps_.AttemptEnded(Attempt::kSucceeded), Step::kFinish);
  }
}

// The Buffer would not learn of the failover if a request with little time did not ask it again.
TEST_F(RetryStepsTest, ARefusalAfterTheTimeoutAsksOnceMoreAndIsNotRepeated) {
  const absl::Time begin = Now();
  StartAttempt(WithTimeout(absl::Seconds(1)));
  const Step next =
      steps_.AttemptEnded(begin + absl::Seconds(1), FailoverError(), Attempt::kRefused);
  EXPECT_EQ(next, Step::kWait);
  EXPECT_EQ(steps_.context(begin + absl::Seconds(1)).timeout, absl::ZeroDuration());
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kFinish);
  EXPECT_EQ(steps_.result(), FailoverError());
}

TEST_F(RetryStepsTest, TheTimeOfTheWaitsContextCounts) {
  const absl::Time begin = Now();
  StartAttempt(WithTimeout(absl::Seconds(1)));
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kWait);
  EXPECT_LT(steps_.context(begin + absl::Seconds(2)).timeout, absl::ZeroDuration());
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kFinish);
}

TEST_F(RetryStepsTest, ARefusedRetryThatIsOutOfTimeIsToldAndNotRepeated) {
  const absl::Time begin = Now();
  StartAttempt(WithTimeout(absl::Seconds(1)), /*held=*/true);
  const Step next =
      steps_.AttemptEnded(begin + absl::Seconds(1), FailoverError(), Attempt::kRefused);
  EXPECT_EQ(next, Step::kFinish);
  EXPECT_EQ(steps_.result(), FailoverError());
  EXPECT_EQ(EndOfLast(), Told::kFailed);
}

TEST_F(RetryStepsTest, ReleasedTooLateItIsNotAttempted) {
  const absl::Time late = Now() + absl::Seconds(1);
  steps_.Start(Now(), WithTimeout(absl::Seconds(1)));
  EXPECT_EQ(steps_.WaitEnded(late, HeldToken()), Step::kFinish);
  EXPECT_EQ(ReasonOf(steps_.result()), BufferErrorReason::kTimeout);
  EXPECT_TRUE(absl::IsDeadlineExceeded(steps_.result()));
  EXPECT_EQ(EndOfLast(), Told::kUntold) << "nobody knows whether the shard takes writes";

  StartAttempt(WithTimeout(absl::Seconds(1)));
  steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused);
  EXPECT_EQ(steps_.WaitEnded(late, HeldToken()), Step::kFinish);
  EXPECT_EQ(steps_.result(), FailoverError());
  EXPECT_EQ(EndOfLast(), Told::kUntold);
}

// --- The reply -----------------------------------------------------------------------------------

TEST_F(RetryStepsTest, WhenTheReplyBeginsTheRetryHasSucceeded) {
  for (const Attempt attempt : {Attempt::kSucceeded, Attempt::kFailed, Attempt::kUnknown}) {
    StartAttempt({}, /*held=*/true);
    steps_.ReplyBegan();
    EXPECT_EQ(steps_.step(), Step::kAttempt);
    EXPECT_EQ(EndOfLast(), Told::kSucceeded);
    EXPECT_EQ(steps_.AttemptEnded(attempt), Step::kFinish);
    EXPECT_EQ(EndOfLast(), Told::kSucceeded);
    EXPECT_EQ(steps_.result().ok(), attempt == Attempt::kSucceeded);
  }
}

// --- Nothing was sent ----------------------------------------------------------------------------

TEST_F(RetryStepsTest, WhatWasNotSentAsksTheBufferAsIfItHadNotFailed) {
  StartAttempt();
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kWait);
  EXPECT_EQ(steps_.last(), Attempt::kNone);
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kWait);
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kFinish) << "three attempts are enough";
  EXPECT_EQ(steps_.result(), OtherError());
}

TEST_F(RetryStepsTest, WhatWasNotSentKeepsItsRightToRetry) {
  StartAttempt({}, /*held=*/true);
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kAttempt);
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kAttempt);
  EXPECT_EQ(EndOfLast(), Told::kNotEnded);
  EXPECT_EQ(steps_.NotSent(Now(), OtherError()), Step::kFinish);
  EXPECT_EQ(EndOfLast(), Told::kUntold);
}

TEST_F(RetryStepsTest, WhatWasNotSentInTimeIsNotSentAnyMore) {
  const absl::Time late = Now() + absl::Seconds(1);
  for (const bool held : {false, true}) {
    StartAttempt(WithTimeout(absl::Seconds(1)), held);
    const Step next = steps_.NotSent(late, absl::OkStatus());
    EXPECT_EQ(next, held ? Step::kFinish : Step::kWait);
    if (!held) {
      EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kFinish);
    }
    EXPECT_TRUE(absl::IsUnavailable(steps_.result())) << steps_.result();
  }
}

// --- The object ----------------------------------------------------------------------------------

TEST_F(RetryStepsTest, DestroyedHalfWayTheTokenEndsUntold) {
  {
    RetrySteps in_attempt;
    in_attempt.Start(Now(), {});
    in_attempt.WaitEnded(HeldToken());
    EXPECT_EQ(EndOfLast(), Told::kNotEnded);
  }
  EXPECT_EQ(EndOfLast(), Told::kUntold);
  {
    RetrySteps in_wait;
    in_wait.Start(Now(), {});
    in_wait.WaitEnded(HeldToken());
    in_wait.AttemptEnded(Attempt::kRefused);
    EXPECT_EQ(EndOfLast(), Told::kNotEnded);
  }
  EXPECT_EQ(EndOfLast(), Told::kUntold);
}

TEST_F(RetryStepsTest, ItCanBeMovedHalfWay) {
  StartAttempt({}, /*held=*/true);
  RetrySteps moved = std::move(steps_);
  EXPECT_EQ(EndOfLast(), Told::kNotEnded);
  EXPECT_EQ(moved.AttemptEnded(Attempt::kSucceeded), Step::kFinish);
  EXPECT_EQ(EndOfLast(), Told::kSucceeded);
}

TEST_F(RetryStepsTest, BugMovedFrom_AnObjectThatWasMovedHalfWayIsAsNew) {
  StartAttempt(WithTimeout(absl::Seconds(1)), /*held=*/true);
  steps_.AttemptEnded(Now(), FailoverError(), Attempt::kRefused);
  RetrySteps moved = std::move(steps_);
  // NOLINTBEGIN(bugprone-use-after-move): the class allows it
  EXPECT_EQ(steps_.step(), Step::kFinish);
  EXPECT_EQ(steps_.last(), Attempt::kNone);
  EXPECT_TRUE(steps_.error().ok());
  EXPECT_TRUE(steps_.result().ok());
  EXPECT_EQ(steps_.Start(Now(), {}), Step::kWait);
  // NOLINTEND(bugprone-use-after-move)
  EXPECT_FALSE(steps_.TakePrevious());
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
  EXPECT_EQ(moved.step(), Step::kWait);
  EXPECT_EQ(moved.last(), Attempt::kRefused);
  EXPECT_EQ(moved.context(Now()).timeout, absl::Seconds(1));
  EXPECT_TRUE(moved.TakePrevious());
}

TEST_F(RetryStepsTest, AnAssignmentEndsTheRequestThatWasUnderWay) {
  StartAttempt({}, /*held=*/true);
  RetrySteps other(RetryPolicy{7});
  other.Start(Now(), {});
  steps_ = std::move(other);
  EXPECT_EQ(EndOfLast(), Told::kUntold);
  EXPECT_EQ(steps_.step(), Step::kWait);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
    steps_.AttemptEnded(Attempt::kRefused);
  }
  EXPECT_EQ(steps_.step(), Step::kFinish) << "the policy was assigned, too";
  EXPECT_EQ(other.Start(Now(), {}), Step::kWait);  // NOLINT(bugprone-use-after-move)
}

TEST_F(RetryStepsTest, AFinishedObjectServesTheNextRequest) {
  StartAttempt(WithTimeout(absl::Seconds(1)), /*held=*/true);
  steps_.ReplyBegan();
  steps_.AttemptEnded(Now() + absl::Hours(1), OtherError(), Attempt::kFailed);
  EXPECT_EQ(steps_.Start(Now(), {}), Step::kWait);
  EXPECT_EQ(steps_.last(), Attempt::kNone);
  EXPECT_TRUE(steps_.error().ok());
  EXPECT_TRUE(steps_.result().ok());
  EXPECT_FALSE(steps_.TakePrevious());
  EXPECT_EQ(steps_.context(Now()).timeout, absl::InfiniteDuration());
  EXPECT_EQ(steps_.WaitEnded(RetryDoneFunc()), Step::kAttempt);
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kRefused), Step::kWait);
}

// --- Misuse --------------------------------------------------------------------------------------

class RetryStepsDeathTest : public RetryStepsTest {
 protected:
  // Checks that `misuse` fails an assertion, or finishes the request and ends its token.
  template <typename Misuse>
  void ExpectMisuse(Misuse misuse) {
    EXPECT_DEBUG_DEATH(misuse(), "does not fit");
#ifdef NDEBUG
    EXPECT_EQ(steps_.step(), Step::kFinish);
    EXPECT_EQ(steps_.result().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(tokens_ == 0 || EndOfLast() == Told::kUntold);
#endif
    steps_ = RetrySteps();
  }
};

TEST_F(RetryStepsDeathTest, NothingMayHappenBeforeTheStart) {
  ExpectMisuse([this] { steps_.AttemptEnded(Attempt::kSucceeded); });
  ExpectMisuse([this] { steps_.WaitEnded(RetryDoneFunc()); });
  ExpectMisuse([this] { steps_.WaitEnded(HeldToken()); });
  ExpectMisuse([this] { steps_.NotSent(Now(), OtherError()); });
  ExpectMisuse([this] { steps_.ReplyBegan(); });
  ExpectMisuse([this] { static_cast<void>(steps_.TakePrevious()); });
}

TEST_F(RetryStepsDeathTest, AWaitIsNoAttempt) {
  steps_.Start(Now(), {});
  ExpectMisuse([this] { steps_.AttemptEnded(Attempt::kSucceeded); });
  steps_.Start(Now(), {});
  ExpectMisuse([this] { steps_.ReplyBegan(); });
  steps_.Start(Now(), {});
  ExpectMisuse([this] { steps_.Start(Now(), {}); });
}

TEST_F(RetryStepsDeathTest, AnAttemptIsNoWait) {
  StartAttempt({}, /*held=*/true);
  ExpectMisuse([this] { steps_.WaitEnded(RetryDoneFunc()); });
  StartAttempt({}, /*held=*/true);
  ExpectMisuse([this] { static_cast<void>(steps_.TakePrevious()); });
  StartAttempt({}, /*held=*/true);
  ExpectMisuse([this] { steps_.Start(Now(), {}); });
  StartAttempt({}, /*held=*/true);
  ExpectMisuse([this] { steps_.AttemptEnded(Attempt::kNone); });
}

TEST_F(RetryStepsDeathTest, AfterAPartOfTheReplyNothingIsRefused) {
  for (const Attempt attempt : {Attempt::kRefused, Attempt::kRefusedAtConnect}) {
    StartAttempt();
    steps_.ReplyBegan();
    ExpectMisuse([this, attempt] { steps_.AttemptEnded(attempt); });
  }
  StartAttempt();
  steps_.ReplyBegan();
  ExpectMisuse([this] { steps_.NotSent(Now(), OtherError()); });
}

}  // namespace
}  // namespace failover::test
