// These tests cover who may join the drain of a shard whose server refuses all that is released
// (docs/design.md, "The drain").
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <utility>

#include "failover/retry_steps.h"
#include "support/evidence_test.h"

namespace failover::test {
namespace {

class LatchedDrainTest : public EvidenceTest {
 protected:
  // Both requests are held when the hold ends, and the first one is let go then. No probe goes,
  // because they say that they may come back only when they do.
  struct Drained {
    AsyncRequest first;
    AsyncRequest second;
  };

  LatchedDrainTest() {
    BufferOptions options = ManualOptions();
    options.window = absl::Seconds(20);
    Create(options);
    Hear(1, true, 100);
  }

  // The longest duration of a hold is over, and no new primary was seen.
  Drained DrainByTime() {
    { const AsyncRequest begins = FailReturning(); }
    Advance(absl::Seconds(10));
    Drained drained{Fail(), Fail()};
    Pass(absl::Seconds(10), absl::Seconds(1));
    EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
    return drained;
  }
  // A new primary is seen when almost no budget is left.
  Drained DrainOntoServer2() {
    { const AsyncRequest begins = FailReturning(); }
    Advance(absl::Seconds(10));
    Drained drained{Fail(), Fail()};
    Pass(absl::Seconds(9.5), absl::Seconds(0.5));
    Hear(2, true, 200);
    EXPECT_EQ(Stops(StopReason::kNewPrimarySeen), 1u);
    return drained;
  }

  // The retry is refused, and no hold begins.
  void ReturnInVain(AsyncRequest& retry) {
    ASSERT_TRUE(retry.released());
    ASSERT_TRUE(Return(retry).passed());
    PollAll();
    ASSERT_EQ(state(), State::kDraining);
  }
};

// One client of a server that is gone. Each Go takes one step.
class Client {
 public:
  Client(Buffer& buffer, ShardHandle shard, absl::Time now) : buffer_(buffer), shard_(shard) {
    steps_.Start(now, RequestContext());
  }

  bool finished() const { return steps_.step() == RetrySteps::Step::kFinish; }
  int attempts() const { return attempts_; }

  void Go(absl::Time now) {
    if (finished()) return;
    if (steps_.step() == RetrySteps::Step::kAttempt) {
      ++attempts_;
      steps_.AttemptEnded(now, Attempt::kRefusedAtConnect);
    } else if (!wait_.has_value()) {
      Ask(now);
    } else if (wait_->done()) {
      AsyncRequest ended = *std::exchange(wait_, std::nullopt);
      if (ended.released()) {
        steps_.WaitEnded(now, std::move(ended.token()));
      } else {
        steps_.WaitEnded(now, ended.error());
      }
    }
  }

 private:
  void Ask(absl::Time now) {
    LastAttempt last = LastAttempt(steps_.last()).After(steps_.TakePrevious());
    AsyncRequest wait(buffer_, shard_, std::move(last), steps_.context(now));
    if (wait.held()) {
      wait_.emplace(std::move(wait));
    } else if (wait.refused()) {
      steps_.WaitEnded(now, wait.refusal());
    } else {
      steps_.WaitEnded(now, RetryDoneFunc());
    }
  }

  Buffer& buffer_;
  ShardHandle shard_;
  RetrySteps steps_;
  std::optional<AsyncRequest> wait_;
  int attempts_ = 0;
};

// Each of two requests kept the drain going in which the other one waited.
TEST_F(LatchedDrainTest, BugLatchedDrainNeverEnds_ARequestThatFailedAgainDoesNotJoin) {
  auto [first, second] = DrainByTime();
  ReturnInVain(first);
  ASSERT_TRUE(second.released());
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Skipped(SkippedReason::kDraining), 1u);
  EXPECT_TRUE(Return(second).passed());
  PollAll();
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(LatchedDrainTest, BugLatchedDrainNeverEnds_ClientsGetTheirErrors) {
  std::deque<Client> clients;
  for (int step = 0; step < 6000; ++step) {
    // The first client begins the hold. The windows of the others are not over when the hold ends.
    if (step == 0 || step == 500 || step == 600) {
      clients.emplace_back(buffer(), shard(), clock_.Now());
    }
    for (Client& client : clients) client.Go(clock_.Now());
    Advance(absl::Milliseconds(10));
  }
  for (const Client& client : clients) {
    EXPECT_TRUE(client.finished());
    EXPECT_LE(client.attempts(), 100);
  }
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_LE(Stats().requests_drained, 200u);
}

TEST_F(LatchedDrainTest, NobodyJoinsADrainThatTimeBegan) {
  auto [first, second] = DrainByTime();
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Skipped(SkippedReason::kDraining), 1u);
}

TEST_F(LatchedDrainTest, BugLatchedDrainNeverEnds_NobodyJoinsOnceARetryWasRefusedWithoutBudget) {
  auto [first, second] = DrainOntoServer2();
  ReturnInVain(first);
  EXPECT_EQ(Skipped(SkippedReason::kBudgetUsedUp), 1u);
  EXPECT_TRUE(FailReturning().passed());
  EXPECT_EQ(Skipped(SkippedReason::kDraining), 1u);
}

TEST_F(LatchedDrainTest, ARefusalThatIsOnlyToldCountsAsOneThatCameBack) {
  auto [first, second] = DrainOntoServer2();
  Tell(first, Attempt::kRefused);
  ASSERT_EQ(state(), State::kDraining);
  EXPECT_TRUE(FailReturning().passed());
}

// The request failed at the old primary, just before the others were released.
TEST_F(LatchedDrainTest, WithoutBudgetAFailedRequestJoinsADrainOntoANewPrimary) {
  auto [first, second] = DrainOntoServer2();
  AsyncRequest late = FailReturning();
  EXPECT_TRUE(late.held());
  Tell(first, Attempt::kSucceeded);
  Tell(second, Attempt::kSucceeded);
  EXPECT_TRUE(late.released());
}

TEST_F(LatchedDrainTest, ANewPrimaryLetsAFailedRequestJoinAgain) {
  auto [first, second] = DrainByTime();
  ReturnInVain(first);
  Hear(2, true, 200);
  ASSERT_EQ(state(), State::kDraining);
  AsyncRequest late = FailReturning();
  EXPECT_TRUE(late.held());
  Tell(second, Attempt::kSucceeded);
  PollAll();
  EXPECT_TRUE(late.released());
}

TEST_F(LatchedDrainTest, ASuccessLetsAFailedRequestJoinAgain) {
  auto [first, second] = DrainOntoServer2();
  AsyncRequest third = FailReturning();
  ReturnInVain(first);
  ASSERT_TRUE(second.released());
  Tell(second, Attempt::kSucceeded);
  ASSERT_TRUE(third.released());
  ASSERT_EQ(state(), State::kDraining);
  EXPECT_TRUE(FailReturning().held());
}

// The next hold ends for its own reason.
TEST_F(LatchedDrainTest, AnotherHoldLetsAFailedRequestJoinItsDrain) {
  auto [first, second] = DrainOntoServer2();
  ReturnInVain(first);
  Tell(second, Attempt::kNone);
  ASSERT_EQ(state(), State::kIdle);
  Advance(absl::Minutes(2));
  AsyncRequest begins = FailReturning();
  ASSERT_TRUE(begins.held());
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_TRUE(FailReturning().held());
}

}  // namespace
}  // namespace failover::test
