// These tests drive the state machine of a shard as plain data. They cover what cannot be seen
// through a Buffer.
#include "shard/shard_buffer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace failover::internal {
namespace {

class Owner final : public RefCounted {};

class FakeWaiter final : public Waiter {
 public:
  explicit FakeWaiter(bool blocks = false) : Waiter(nullptr, blocks) {}
  void Complete() override {}
};

class ShardBufferTest : public ::testing::Test {
 protected:
  static Instant At(int second) { return Instant(std::chrono::seconds(second)); }

  Decision Fail(int second, FakeWaiter* waiter, Effects* effects) {
    Request request;
    request.traits.refused = Refused::kAsStatement;
    const MutexLock lock(shard_.mutex());
    return shard_.OnRequest(At(second), request, waiter, effects);
  }
  Instant NextDue() {
    const MutexLock lock(shard_.mutex());
    return shard_.NextDue();
  }
  void StopAt(int second, Effects* effects) {
    const MutexLock lock(shard_.mutex());
    EXPECT_TRUE(shard_.OnStopCommand(At(second), effects));
  }

  // The order of these members is the order in which they must be made: each uses those before it.
  Owner owner_;
  SlotPool pool_{10, 0};
  const ShardTerms terms_{std::chrono::seconds(10), std::chrono::seconds(20),
                          std::chrono::minutes(1), 1};
  const ShardContext context_{owner_, pool_, {terms_, terms_}};
  ShardBuffer shard_{context_, "ks", "0", Mode::kEnabled, {}, 0};
};

TEST_F(ShardBufferTest, NothingIsDueWhenIdle) { EXPECT_EQ(NextDue(), kNever); }

TEST_F(ShardBufferTest, AStartLeavesTheFactsOfItsLogLine) {
  FakeWaiter waiter;
  Effects effects;
  EXPECT_EQ(Fail(1, &waiter, &effects).kind, Decision::Kind::kHeld);
  ASSERT_TRUE(effects.started.has_value());
  EXPECT_FALSE(effects.started->dry_run);
  EXPECT_EQ(effects.started->cause, HoldCause::kFailedRequest);
  EXPECT_FALSE(effects.started->on_suspicion);
  EXPECT_TRUE(effects.threads.empty());
  EXPECT_TRUE(effects.ready.empty());
}

TEST_F(ShardBufferTest, BlockedThreadsAndTheOthersLeaveApart) {
  FakeWaiter thread(true);
  FakeWaiter callback(false);
  Effects effects;
  Fail(1, &thread, &effects);
  Fail(1, &callback, &effects);
  {
    const MutexLock lock(shard_.mutex());
    shard_.OnTimer(At(11), &effects);
  }
  EXPECT_EQ(effects.threads.front(), &thread);
  EXPECT_EQ(effects.ready.front(), &callback);
  EXPECT_EQ(effects.threads.size(), 1u);
  EXPECT_EQ(effects.ready.size(), 1u);
}

// A caller reads the clock before it gets the shard's mutex. Times may therefore arrive out of
// order.
TEST_F(ShardBufferTest, ACallerWithAnEarlierTimeJoinsAtTheLatestOneSeen) {
  FakeWaiter first;
  FakeWaiter second;
  Effects effects;
  Fail(5, &first, &effects);
  Fail(3, &second, &effects);
  EXPECT_EQ(first.window_end, At(15));
  EXPECT_EQ(second.window_end, At(15));
}

TEST_F(ShardBufferTest, AnEndWithAnEarlierTimeLastsNoNegativeTime) {
  FakeWaiter waiter;
  Effects effects;
  Fail(5, &waiter, &effects);
  StopAt(3, &effects);
  EXPECT_EQ(effects.stopped->lasted, std::chrono::nanoseconds::zero());
  EXPECT_EQ(shard_.Stats(absl::UnixEpoch()).last_failover_duration, absl::ZeroDuration());
}

TEST_F(ShardBufferTest, TheDueTimeFollowsTheQueue) {
  FakeWaiter waiter;
  Effects effects;
  Fail(0, &waiter, &effects);
  EXPECT_EQ(NextDue(), At(10));
  {
    const MutexLock lock(shard_.mutex());
    shard_.OnCancel(At(0), &waiter);
  }
  EXPECT_EQ(NextDue(), At(20));
  StopAt(1, &effects);
  EXPECT_EQ(NextDue(), kNever);
}

TEST_F(ShardBufferTest, TheGateTellsWhatARequestHasToStopFor) {
  EXPECT_EQ(shard_.bits(), ShardGate::kStopsFailures);
  FakeWaiter waiter;
  Effects effects;
  Fail(0, &waiter, &effects);
  EXPECT_EQ(shard_.bits(),
            ShardGate::kStopsFailures | ShardGate::kStopsRequests | ShardGate::kInFailover);
  StopAt(1, &effects);
  EXPECT_EQ(shard_.bits(), ShardGate::kStopsFailures | ShardGate::kInFailover);
  {
    const MutexLock lock(shard_.mutex());
    shard_.OnRetryEnd(At(1), shard_.TicketOf(waiter), Attempt::kNone, &effects);
  }
  EXPECT_EQ(shard_.bits(), ShardGate::kStopsFailures);
  {
    const MutexLock lock(shard_.mutex());
    shard_.Close(At(2), &effects);
  }
  EXPECT_EQ(shard_.bits(), ShardGate::kStopsFailures | ShardGate::kStopsRequests);
}

TEST_F(ShardBufferTest, AfterRetireTheEndOfARetryDoesNothing) {
  FakeWaiter waiter;
  Effects effects;
  Fail(0, &waiter, &effects);
  const MutexLock lock(shard_.mutex());
  shard_.Close(At(1), &effects);
  EXPECT_EQ(pool_.free_slots(), 9);
  shard_.Retire(&effects);
  EXPECT_EQ(pool_.free_slots(), 10);
  shard_.OnRetryEnd(At(1), shard_.TicketOf(waiter), Attempt::kSucceeded, &effects);
  EXPECT_EQ(pool_.free_slots(), 10);
}

#ifndef NDEBUG

using ShardInvariantsDeathTest = ShardBufferTest;

TEST_F(ShardInvariantsDeathTest, AQueueThatIsNotInTheOrderOfItsWindowsIsAnAssertion) {
  FakeWaiter first;
  FakeWaiter second;
  Effects effects;
  Fail(1, &first, &effects);
  Fail(2, &second, &effects);
  const MutexLock lock(shard_.mutex());
  shard_.AssertInvariants();
  first.window_end = At(30);
  EXPECT_DEATH(shard_.AssertInvariants(), "window_end");
  first.window_end = At(11);
}

TEST_F(ShardInvariantsDeathTest, AHeldWaiterWithAnotherPlaceIsAnAssertion) {
  FakeWaiter waiter;
  Effects effects;
  Fail(1, &waiter, &effects);
  const MutexLock lock(shard_.mutex());
  waiter.set_place(Place::kLeft);
  EXPECT_DEATH(shard_.AssertInvariants(), "kHeld");
  waiter.set_place(Place::kHeld);
}

#endif

}  // namespace
}  // namespace failover::internal
