// These tests cover the mailbox in which the callbacks of one event loop run.
#include "failover/inbox.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/counted_clock.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

class InboxTest : public BufferTest {
 protected:
  InboxTest() {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 10;
    Create(options);
    inbox_.emplace([this] { ++wakes_; });
    context_.inbox = &*inbox_;
  }

  AsyncRequest Held() { return Fail(context_); }

  int wakes_ = 0;
  std::optional<Inbox> inbox_;
  RequestContext context_;
};

TEST_F(InboxTest, ACallbackRunsInThePollOfItsInboxAndNotInThatOfTheBuffer) {
  AsyncRequest request = Held();
  ASSERT_TRUE(request.held());
  EXPECT_EQ(wakes_, 0);
  EndFailover();
  EXPECT_EQ(wakes_, 1);
  PollAll();
  EXPECT_EQ(request.runs(), 0);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(request.runs(), 1);
  EXPECT_TRUE(request.released());
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(InboxTest, ARequestThatIsNotHeldPasses) {
  AsyncRequest request = Request(context_);
  EXPECT_TRUE(request.passed());
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(wakes_, 0);
}

TEST_F(InboxTest, ABatchRingsOnceBetweenTwoPolls) {
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(Held());
  EndFailover();
  EXPECT_EQ(wakes_, 1);
  requests.push_back(FailOn(Shard("other"), context_));
  EndFailover("other");
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll());
  for (const AsyncRequest& request : requests) EXPECT_TRUE(request.released());
  for (AsyncRequest& request : requests) request.EndRetry();
  AdvanceBeyondGuards();
  AsyncRequest next = Held();
  EndFailover();
  EXPECT_EQ(wakes_, 2);
  EXPECT_FALSE(inbox_->Poll());
}

TEST_F(InboxTest, PollTakesAPortionInTheOrderOfTheReleases) {
  std::vector<int> order;
  std::vector<BufferedRequest> handles;
  for (int i = 0; i < 5; ++i) {
    absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        context_, shard(), FailoverError(), [&order, i](Result) { order.push_back(i); });
    ASSERT_TRUE(request.ok() && *request);
    handles.push_back(*std::move(request));
  }
  EndFailover();
  EXPECT_TRUE(inbox_->Poll(0));
  EXPECT_TRUE(inbox_->Poll(-1));
  EXPECT_TRUE(order.empty());
  EXPECT_TRUE(inbox_->Poll(2));
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  // True means that no wake-up is due for what is left.
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll(3));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(InboxTest, WhatACallbackReleasesRunsInTheSamePollAndRingsNobody) {
  AsyncRequest other = FailOn(Shard("other"), context_);
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      context_, shard(), FailoverError(), [this](const Result&) { EndFailover("other"); });
  ASSERT_TRUE(request.ok() && *request);
  EndFailover();
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(other.released());
  EXPECT_EQ(wakes_, 1);
}

TEST_F(InboxTest, EveryEndOfAWaitGoesHome) {
  AsyncRequest windowed = Held();
  AsyncRequest completed = Held();
  Cancellation cancellation;
  RequestContext context = context_;
  context.cancellation = &cancellation;
  AsyncRequest cancelled = Fail(context);
  context = context_;
  context.timeout = absl::Seconds(1);
  AsyncRequest timed_out = Fail(context);
  EXPECT_TRUE(completed.handle().CancelAndComplete());
  cancellation.Cancel();
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(completed.reason(), BufferErrorReason::kCancelled);
  EXPECT_EQ(cancelled.reason(), BufferErrorReason::kCancelled);
  Advance(absl::Seconds(1));
  EXPECT_EQ(wakes_, 2);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(timed_out.reason(), BufferErrorReason::kTimeout);
  Advance(absl::Seconds(9));
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(windowed.released());
}

TEST_F(InboxTest, CancelTakesOutWhatIsHeldAndWhatIsReady) {
  AsyncRequest held = Held();
  EXPECT_TRUE(held.handle().Cancel());
  EXPECT_TRUE(held.handle().Cancel());
  EXPECT_TRUE(held.callback_destroyed());
  AsyncRequest ready = Held();
  EndFailover();
  EXPECT_TRUE(ready.handle().Cancel());
  EXPECT_TRUE(ready.callback_destroyed());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(held.runs() + ready.runs(), 0);
}

TEST_F(InboxTest, ACallbackMayCancelAndDestroyItsOwnHandleAndThoseBehindIt) {
  BufferedRequest own;
  std::optional<AsyncRequest> next;
  ASSERT_TRUE(buffer()
                  .WaitForFailoverEndAsync(
                      context_, shard(), FailoverError(),
                      [&own, &next](const Result&) {
                        EXPECT_FALSE(own.Cancel());
                        own = BufferedRequest();
                        EXPECT_TRUE(next->handle().Cancel());
                      },
                      &own)
                  .ok());
  next.emplace(Held());
  EndFailover();
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(next->runs(), 0);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(InboxTest, TwoInboxesAreEachWokenOnceForTheirOwn) {
  int other_wakes = 0;
  Inbox other_inbox([&other_wakes] { ++other_wakes; });
  RequestContext other_context;
  other_context.inbox = &other_inbox;
  AsyncRequest mine = Held();
  AsyncRequest others = Fail(other_context);
  AsyncRequest mine_again = Held();
  EndFailover();
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(other_wakes, 1);
  EXPECT_FALSE(other_inbox.Poll());
  EXPECT_TRUE(others.released());
  EXPECT_EQ(mine.runs(), 0);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(mine.released());
  EXPECT_TRUE(mine_again.released());
}

TEST_F(InboxTest, NobodyIsWokenWithoutAFunction) {
  Inbox silent(nullptr);
  RequestContext context;
  context.inbox = &silent;
  AsyncRequest request = Fail(context);
  EndFailover();
  EXPECT_FALSE(silent.Poll());
  EXPECT_TRUE(request.released());
}

TEST_F(InboxTest, ABlockingWaitIgnoresAnInbox) {
  ReleaseWheneverHeld();
  const Result done = buffer().WaitForFailoverEnd(context_, shard(), FailoverError());
  ASSERT_TRUE(done.ok());
  EXPECT_TRUE(*done);
  EXPECT_EQ(wakes_, 0);
}

// ---- Wrong use ----------------------------------------------------------------------------------

TEST_F(InboxTest, APollElsewhereDoesNothingAndIsLoggedOnce) {
  EXPECT_FALSE(inbox_->Poll());
  AsyncRequest request = Held();
  EndFailover();
  std::thread([this] {
    EXPECT_FALSE(inbox_->Poll());
    EXPECT_FALSE(inbox_->Poll());
  }).join();
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(log_.Count("error: Inbox::Poll was called"), 1u);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(request.released());
}

TEST_F(InboxTest, APollInsideACallbackDoesNothingAndIsLogged) {
  AsyncRequest behind = FailOn(Shard("other"), context_);
  absl::StatusOr<BufferedRequest> request =
      buffer().WaitForFailoverEndAsync(context_, shard(), FailoverError(), [&](const Result&) {
        EXPECT_FALSE(inbox_->Poll());
        EXPECT_EQ(behind.runs(), 0);
      });
  EndFailover();
  EndFailover("other");
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(behind.runs(), 1);
  EXPECT_EQ(log_.Count("error: Inbox::Poll was called"), 1u);
}

TEST_F(InboxTest, ADestructionElsewhereIsLoggedAndCancelsAllTheSame) {
  EXPECT_FALSE(inbox_->Poll());
  AsyncRequest request = Held();
  std::thread([this] { inbox_.reset(); }).join();
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(log_.Count("error: an Inbox was destroyed on another thread"), 1u);
}

// ---- The end of an inbox ------------------------------------------------------------------------

TEST_F(InboxTest, TheEndOfAnInboxCancelsWhatIsHeldAndWhatIsReady) {
  AsyncRequest ready = Held();
  EndFailover();
  AsyncRequest held = FailOn(Shard("other"), context_);
  AsyncRequest elsewhere = FailOn(Shard("other"));
  inbox_.reset();
  EXPECT_EQ(ready.runs() + held.runs(), 0);
  EXPECT_TRUE(ready.callback_destroyed());
  EXPECT_TRUE(held.callback_destroyed());
  EXPECT_TRUE(held.handle().Cancel());
  EXPECT_EQ(Stats("other").requests_held, 1u);
  EXPECT_EQ(buffer().Stats().slots_free, 9u);
  EndFailover("other");
  PollAll();
  EXPECT_TRUE(elsewhere.released());
  EXPECT_EQ(wakes_, 1);
}

TEST_F(InboxTest, TheEndOfAnInboxLetsTheDrainGoOn) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 1;
  Create(options);
  AsyncRequest first = Held();
  AsyncRequest second = Fail();
  EndFailover();
  PollAll();
  EXPECT_EQ(second.runs(), 0);
  inbox_.reset();
  PollAll();
  EXPECT_TRUE(second.released());
}

TEST_F(InboxTest, ACallbackMayDestroyItsInbox) {
  AsyncRequest before = Held();
  absl::StatusOr<BufferedRequest> destroyer = buffer().WaitForFailoverEndAsync(
      context_, shard(), FailoverError(), [this](const Result&) { inbox_.reset(); });
  ASSERT_TRUE(destroyer.ok() && *destroyer);
  AsyncRequest behind = Held();
  EndFailover();
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_FALSE(inbox_.has_value());
  EXPECT_EQ(before.runs(), 1);
  EXPECT_EQ(behind.runs(), 0);
  EXPECT_TRUE(behind.callback_destroyed());
}

TEST_F(InboxTest, TheEndOfAHandleElsewhereWaitsForItsCallback) {
  Signal runs;
  Signal go;
  bool ended = false;
  absl::StatusOr<BufferedRequest> request =
      buffer().WaitForFailoverEndAsync(context_, shard(), FailoverError(), [&](const Result&) {
        runs.Give();
        go.Await();
        ended = true;
      });
  EndFailover();
  std::thread loop([this] { inbox_->Poll(); });
  ASSERT_TRUE(runs.Await());
  std::thread helper([&go] { go.Give(); });
  *request = BufferedRequest();
  EXPECT_TRUE(ended);
  helper.join();
  loop.join();
}

// ---- The end of a Buffer ------------------------------------------------------------------------

TEST_F(InboxTest, AShutdownHandsOverAndReturns) {
  AsyncRequest request = Held();
  buffer().Shutdown();
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(request.runs(), 0);
  EXPECT_FALSE(inbox_->Poll());
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kShutdown);
}

TEST_F(InboxTest, ABufferMayGoBeforeItsInbox) {
  AsyncRequest polled = Held();
  AsyncRequest cancelled = Held();
  AsyncRequest dropped = Held();
  Destroy();
  EXPECT_TRUE(cancelled.handle().Cancel());
  EXPECT_TRUE(inbox_->Poll(1));
  inbox_.reset();
  EXPECT_TRUE(polled.released());
  polled.token()(FailoverError());
  EXPECT_EQ(cancelled.runs() + dropped.runs(), 0);
  EXPECT_TRUE(dropped.callback_destroyed());
}

WaitCallback EndingItsRetry() {
  return [](Result done) { (*done)(Attempt::kSucceeded); };
}

// Holds requests whose retries end in their callbacks.
std::vector<BufferedRequest> HoldMany(Buffer& buffer, const RequestContext& context, int requests) {
  std::vector<BufferedRequest> held;
  for (int i = 0; i < requests; ++i) {
    held.push_back(*buffer.WaitForFailoverEndAsync(context, buffer.GetShard("ks", "0"),
                                                   Attempt::kRefused, EndingItsRetry()));
  }
  return held;
}

TEST_F(InboxTest, APollReadsTheClockAsOftenForManyRetriesAsForOne) {
  const auto readings_for = [this](int requests) {
    CountedClock clock;
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 10;
    options.clock = &clock;
    Create(options);
    const std::vector<BufferedRequest> held = HoldMany(buffer(), context_, requests);
    EndFailover();
    const int before = clock.readings();
    EXPECT_FALSE(inbox_->Poll());
    EXPECT_EQ(Stats().retries_succeeded, static_cast<std::uint64_t>(requests));
    EXPECT_EQ(Stats().state, State::kIdle);
    const int readings = clock.readings() - before;
    Create(ManualOptions());
    return readings;
  };
  EXPECT_EQ(readings_for(10), readings_for(1));
}

// The reading of a poll belongs to one Buffer, and the times of two clocks have nothing in common.
TEST_F(InboxTest, EachBufferOfAPollHasItsOwnTime) {
  SimulatedClock other_clock;
  BufferOptions options = ManualOptions();
  options.clock = &other_clock;
  options.drain_concurrency = 10;
  const std::unique_ptr<Buffer> other = *Buffer::Create(options);
  const std::vector<BufferedRequest> held = HoldMany(buffer(), context_, 2);
  const std::vector<BufferedRequest> others = HoldMany(*other, context_, 2);
  EndFailover();
  EXPECT_TRUE(other->StopBuffering(other->GetShard("ks", "0")));
  clock_.Advance(absl::Seconds(5));
  other_clock.Advance(absl::Seconds(3));
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(log_.Count("drain finished after 5.0s"), 1u);
  EXPECT_EQ(log_.Count("drain finished after 3.0s"), 1u);
}

// The second Buffer may lie where the first one lay.
TEST_F(InboxTest, ABufferOfALaterPollReadsItsOwnClock) {
  for (const int seconds : {2, 4}) {
    SimulatedClock clock;
    BufferOptions options = ManualOptions();
    options.clock = &clock;
    const std::unique_ptr<Buffer> later = *Buffer::Create(options);
    const std::vector<BufferedRequest> held = HoldMany(*later, context_, 1);
    EXPECT_TRUE(later->StopBuffering(later->GetShard("ks", "0")));
    clock.Advance(absl::Seconds(seconds));
    EXPECT_FALSE(inbox_->Poll());
  }
  EXPECT_EQ(log_.Count("drain finished after 2.0s"), 1u);
  EXPECT_EQ(log_.Count("drain finished after 4.0s"), 1u);
}

class InboxOfServiceThreadTest : public InboxTest {
 protected:
  InboxOfServiceThreadTest() {
    BufferOptions options = UnhurriedOptions();
    options.drain_concurrency = 10;
    options.shutdown_grace = absl::Hours(24);
    Create(options);
    inbox_.emplace([this] { woken_.Give(); });
    context_.inbox = &*inbox_;
  }

  Signal woken_;
};

TEST_F(InboxOfServiceThreadTest, CallbacksRunOnTheThreadOfTheirInboxOnly) {
  std::thread::id ran_on;
  absl::StatusOr<BufferedRequest> request =
      buffer().WaitForFailoverEndAsync(context_, shard(), FailoverError(),
                                       [&](const Result&) { ran_on = std::this_thread::get_id(); });
  ASSERT_TRUE(request.ok() && *request);
  std::thread([this] { EndFailover(); }).join();
  EXPECT_EQ(woken_.given(), 1);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(InboxOfServiceThreadTest, AShutdownOnTheThreadOfAnInboxDoesNotWaitForRetries) {
  AsyncRequest request = Held();
  EndFailover();
  EXPECT_FALSE(inbox_->Poll());
  ASSERT_TRUE(request.released());
  // Without the rule this call would last for a day.
  buffer().Shutdown();
  request.EndRetry();
}

TEST_F(InboxOfServiceThreadTest, AShutdownOfAnotherThreadIsCutShort) {
  AsyncRequest request = Held();
  EndFailover();
  EXPECT_FALSE(inbox_->Poll());
  ASSERT_TRUE(request.released());
  std::thread other([this] { buffer().Shutdown(); });
  buffer().Shutdown();
  other.join();
  request.EndRetry();
}

TEST_F(InboxOfServiceThreadTest, ACallbackMayDestroyTheBuffer) {
  absl::StatusOr<std::unique_ptr<Buffer>> other = Buffer::Create(UnhurriedOptions());
  ASSERT_TRUE(other.ok());
  const ShardHandle shard = (*other)->GetShard("ks", "0");
  BufferedRequest destroyer;
  ASSERT_TRUE((*other)
                  ->WaitForFailoverEndAsync(
                      context_, shard, FailoverError(), [&other](const Result&) { other->reset(); },
                      &destroyer)
                  .ok());
  AsyncRequest behind(**other, shard, FailoverError(), context_);
  ASSERT_TRUE((*other)->StopBuffering(shard));
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(*other, nullptr);
  EXPECT_TRUE(behind.released());
  EXPECT_EQ(log_.Count("destroyed inside"), 0u);
}

}  // namespace
}  // namespace failover::test
