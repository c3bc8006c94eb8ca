// These tests cover how RetrySteps counts the work of a request.
#include <gtest/gtest.h>

#include <utility>

#include "failover/retry_steps.h"
#include "failover/switchover.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

using Step = RetrySteps::Step;

class RetryStepsWorkTest : public BufferTest {
 protected:
  RetryStepsWorkTest() { Report(1, true, 1); }

  // Starts a request, whose wait ends.
  void Start(Work work) {
    RequestContext context;
    context.work = work;
    EXPECT_EQ(steps_.Start(now_, context), Step::kWait);
    Wait();
  }
  void Wait() {
    steps_.WaitEnded(buffer().WaitForFailoverEnd(
        steps_.context(now_), shard(), LastAttempt(steps_.last()).After(steps_.TakePrevious())));
    ASSERT_EQ(steps_.step(), Step::kAttempt);
  }
  // What is counted now.
  WorkInFlight InFlight() {
    const Switchover switchover = *buffer().BeginSwitchover(shard(), {});
    return switchover.progress().in_flight;
  }

  const absl::Time now_ = absl::UnixEpoch();
  RetrySteps steps_;
};

TEST_F(RetryStepsWorkTest, AnAttemptIsCountedUntilItEnds) {
  Start(Work::kStatement);
  EXPECT_EQ(InFlight(), (WorkInFlight{1, 0}));
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kSucceeded), Step::kFinish);
  EXPECT_EQ(InFlight(), WorkInFlight());
}

TEST_F(RetryStepsWorkTest, AReplyThatBeganIsStillInFlight) {
  Start(Work::kStatement);
  steps_.ReplyBegan();
  steps_.ReplyBegan();
  EXPECT_EQ(InFlight(), (WorkInFlight{1, 0}));
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kSucceeded), Step::kFinish);
  EXPECT_EQ(InFlight(), WorkInFlight());
}

TEST_F(RetryStepsWorkTest, ATransactionIsCountedAfterItsFirstStatement) {
  for (const bool reply_began : {false, true}) {
    Start(Work::kTransaction);
    if (reply_began) steps_.ReplyBegan();
    WorkToken transaction = steps_.TakeWork();
    EXPECT_EQ(steps_.AttemptEnded(Attempt::kSucceeded), Step::kFinish);
    EXPECT_EQ(InFlight(), (WorkInFlight{0, 1}));
    transaction.End();
    EXPECT_EQ(InFlight(), WorkInFlight());
  }
}

TEST_F(RetryStepsWorkTest, AnAttemptThatWasNotSentIsCountedAnew) {
  Start(Work::kStatement);
  EXPECT_EQ(steps_.NotSent(now_, absl::OkStatus()), Step::kWait);
  Wait();
  EXPECT_EQ(InFlight(), (WorkInFlight{1, 0}));
  EXPECT_EQ(steps_.AttemptEnded(Attempt::kFailed), Step::kFinish);
  EXPECT_EQ(InFlight(), WorkInFlight());
}

TEST_F(RetryStepsWorkTest, AMoveKeepsTheWork) {
  Start(Work::kStatement);
  steps_.ReplyBegan();
  RetrySteps moved = std::move(steps_);
  EXPECT_EQ(InFlight(), (WorkInFlight{1, 0}));
  moved = RetrySteps();
  EXPECT_EQ(InFlight(), WorkInFlight());
}

}  // namespace
}  // namespace failover::test
