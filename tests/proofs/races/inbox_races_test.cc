// Races of an inbox: of its bell, of its end, and of the requests that are held with it.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <utility>

#include "failover/inbox.h"
#include "named_races.h"
#include "racing_request.h"
#include "support/thread_signal.h"
#include "sync_points.h"

namespace failover::test {
namespace {

class InboxRacesTest : public NamedRacesTest {
 protected:
  InboxRacesTest() {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 10;
    Create(options);
    inbox_.emplace([this] { ++wakes_; });
    context_.inbox = &*inbox_;
    // The thread of the test is the thread of the inbox.
    EXPECT_FALSE(inbox_->Poll());
  }

  std::atomic<int> wakes_{0};
  std::optional<Inbox> inbox_;
  RequestContext context_;
};

TEST_F(InboxRacesTest, ABellIsNotRungForWhatAPollHasTaken) {
  AsyncRequest request = Fail(context_);
  StopAt before_ring("inbox:before-ring");
  Step release([&] { EndFailover(); });
  ASSERT_TRUE(before_ring.Await());
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(request.released());
  before_ring.LetGo();
  ASSERT_TRUE(release.Join());
  EXPECT_EQ(wakes_, 0);
}

TEST_F(InboxRacesTest, ADeliveryRidesOnTheRingThatIsStillToCome) {
  AsyncRequest first = Fail(context_);
  AsyncRequest second = FailOn(Shard("other"), context_);
  StopAt before_ring("inbox:before-ring");
  Step release([&] { EndFailover(); });
  ASSERT_TRUE(before_ring.Await());
  EXPECT_FALSE(inbox_->Poll());
  EndFailover("other");
  EXPECT_EQ(wakes_, 0);
  before_ring.LetGo();
  ASSERT_TRUE(release.Join());
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(second.released());
}

TEST_F(InboxRacesTest, ADeliveryAfterTheRingAndAPollRingsAgain) {
  AsyncRequest first = Fail(context_);
  AsyncRequest second = FailOn(Shard("other"), context_);
  StopAt rang("inbox:rang");
  Step release([&] { EndFailover(); });
  ASSERT_TRUE(rang.Await());
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(first.released());
  EndFailover("other");
  // The thread that rings has not left yet, so it rings for this one, too.
  EXPECT_EQ(wakes_, 1);
  rang.LetGo();
  ASSERT_TRUE(release.Join());
  EXPECT_EQ(wakes_, 2);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(second.released());
}

TEST_F(InboxRacesTest, NoWakeUpComesAfterTheEndOfTheInbox) {
  AsyncRequest request = Fail(context_);
  StopAt before_ring("inbox:before-ring");
  Step release([&] { EndFailover(); });
  ASSERT_TRUE(before_ring.Await());
  inbox_.reset();
  before_ring.LetGo();
  ASSERT_TRUE(release.Join());
  EXPECT_EQ(wakes_, 0);
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(InboxRacesTest, TheEndOfTheInboxWaitsForAWakeUpThatRuns) {
  Signal inside;
  Signal go;
  std::atomic<bool> ended{false};
  Inbox* inbox = nullptr;
  Step loop([&] {
    inbox = new Inbox([&] {
      inside.Give();
      go.Await();
      ended = true;
    });
    RequestContext context;
    context.inbox = inbox;
    const AsyncRequest request = Fail(context);
    Step release([&] { EndFailover(); });
    EXPECT_TRUE(inside.Await());
    delete inbox;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(release.Join());
  });
  ASSERT_TRUE(inside.Await());
  ASSERT_TRUE(loop.AwaitWaits(1));
  EXPECT_FALSE(ended);
  go.Give();
  ASSERT_TRUE(loop.Join());
}

TEST_F(InboxRacesTest, ARequestMayBeReleasedBetweenTheLooksOfTheEnd) {
  AsyncRequest request = Fail(context_);
  StopAt looked("inbox-end:before-lock");
  Step release([&] {
    ASSERT_TRUE(looked.Await());
    EndFailover();
    looked.LetGo();
  });
  inbox_.reset();
  ASSERT_TRUE(release.Join());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(InboxRacesTest, ARequestMayBeCancelledBetweenTheLooksOfTheEnd) {
  std::optional<AsyncRequest> request(Fail(context_));
  AsyncRequest other = FailOn(Shard("other"), context_);
  StopAt looked("inbox-end:before-lock");
  Step cancel([&] {
    ASSERT_TRUE(looked.Await());
    EXPECT_TRUE(other.handle().Cancel());
    other.handle() = BufferedRequest();
    looked.LetGo();
  });
  inbox_.reset();
  ASSERT_TRUE(cancel.Join());
  EXPECT_EQ(request->runs() + other.runs(), 0);
  EXPECT_TRUE(request->callback_destroyed());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

// A Cancel that returns true says that the callback is destroyed.
TEST_F(InboxRacesTest, ACancelWaitsForTheEndThatDestroysTheCallback) {
  AsyncRequest request = Fail(context_);
  StopAt taken_out("inbox-end:after-lock");
  Step end([&] { inbox_.reset(); });
  ASSERT_TRUE(taken_out.Await());
  std::atomic<bool> destroyed{false};
  Step cancel([&] {
    EXPECT_TRUE(request.handle().Cancel());
    destroyed = request.callback_destroyed();
  });
  ASSERT_TRUE(cancel.EndsOrStands());
  taken_out.LetGo();
  ASSERT_TRUE(end.Join());
  ASSERT_TRUE(cancel.Join());
  EXPECT_TRUE(destroyed);
}

TEST_F(InboxRacesTest, TheBufferMayGoBetweenTheLooksOfTheEnd) {
  AsyncRequest request = Fail(context_);
  StopAt looked("inbox-end:before-lock");
  Step destroy([&] {
    ASSERT_TRUE(looked.Await());
    Destroy();
    looked.LetGo();
  });
  inbox_.reset();
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_TRUE(request.callback_destroyed());
}

TEST_F(InboxRacesTest, ACancelElsewhereLosesAgainstACallbackThatIsAboutToRun) {
  AsyncRequest request = Fail(context_);
  EndFailover();
  StopAt about_to_run("inbox:before-callback");
  Step cancel([&] {
    ASSERT_TRUE(about_to_run.Await());
    EXPECT_FALSE(request.handle().Cancel());
    about_to_run.LetGo();
    // Waits for the callback.
    request.handle() = BufferedRequest();
    EXPECT_EQ(request.runs(), 1);
  });
  EXPECT_FALSE(inbox_->Poll());
  ASSERT_TRUE(cancel.Join());
  EXPECT_TRUE(request.released());
}

TEST_F(InboxRacesTest, ACancelThatTookBackAReadyRequestRacesWithThePoll) {
  AsyncRequest request = Fail(context_);
  EndFailover();
  StopAt took_back("cancel:took-back");
  Step cancel([&] { EXPECT_TRUE(request.handle().Cancel()); });
  ASSERT_TRUE(took_back.Await());
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_EQ(request.runs(), 0);
  took_back.LetGo();
  ASSERT_TRUE(cancel.Join());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

}  // namespace
}  // namespace failover::test
