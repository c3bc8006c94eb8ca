// Races of a shutdown that BeginShutdown began and that the polling thread finishes.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "named_races.h"
#include "racing_request.h"
#include "sync_points.h"

namespace failover::test {
namespace {

class BeginShutdownRacesTest : public NamedRacesTest {
 protected:
  BeginShutdownRacesTest() {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] { ++wakeups_; };
    Create(std::move(options));
  }
  void Begin() {
    buffer().BeginShutdown([this] { ++done_; });
  }

  std::atomic<int> wakeups_{0};
  std::atomic<int> done_{0};
};

TEST_F(BeginShutdownRacesTest, TheLastRetryEndsBeforeTheCallWakesThePoller) {
  RacingRequest request;
  request.Submit(buffer(), shard(), FailoverError());
  EndFailover();
  ASSERT_EQ(request.runs(), 1);
  StopAt before_wake("begin-shutdown:before-wake");
  Step begin([this] { Begin(); });
  ASSERT_TRUE(before_wake.Await());
  wakeups_ = 0;
  request.EndRetry();
  EXPECT_EQ(wakeups_, 1);
  before_wake.LetGo();
  ASSERT_TRUE(begin.Join());
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownRacesTest, TheLastRetryEndsWhenATurnOfPollingHasJustEnded) {
  RacingRequest request;
  request.Submit(buffer(), shard(), FailoverError());
  Begin();
  StopAt ended("poll:ended");
  Step poll([this] { buffer().Poll(); });
  ASSERT_TRUE(ended.Await());
  ASSERT_EQ(request.runs(), 1);
  wakeups_ = 0;
  request.EndRetry();
  EXPECT_EQ(wakeups_, 1);
  ended.LetGo();
  ASSERT_TRUE(poll.Join());
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownRacesTest, APollComesWhileTheShardsAreClosed) {
  RacingRequest first;
  first.Submit(buffer(), shard(), FailoverError());
  RacingRequest second;
  second.Submit(buffer(), Shard("1"), FailoverError());
  StopAt one_closed("close:after-lock");
  Step begin([this] { Begin(); });
  ASSERT_TRUE(one_closed.Await());
  PollAll();
  first.EndRetry();
  EXPECT_EQ(done_, 0);
  one_closed.LetGo();
  ASSERT_TRUE(begin.Join());
  PollAll();
  second.EndRetry();
  PollAll();
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownRacesTest, ASecondCallComesWhileTheFirstClosesTheShards) {
  shard();
  StopAt closing("close:before-lock");
  Step first([this] { Begin(); });
  ASSERT_TRUE(closing.Await());
  Begin();
  PollAll();
  EXPECT_EQ(done_, 0) << "a shard is open";
  wakeups_ = 0;
  closing.LetGo();
  ASSERT_TRUE(first.Join());
  EXPECT_GE(wakeups_, 1);
  PollAll();
  EXPECT_EQ(done_, 2);
}

TEST_F(BeginShutdownRacesTest, AShutdownWaitsForThePollThatFinishes) {
  shard();
  Begin();
  StopAt retire("shutdown:before-retire");
  Step poll([this] { buffer().Poll(); });
  ASSERT_TRUE(retire.Await());
  Step shutdown([this] {
    buffer().Shutdown();
    EXPECT_EQ(done_, 1);
  });
  ASSERT_TRUE(shutdown.EndsOrStands());
  EXPECT_FALSE(shutdown.ended());
  retire.LetGo();
  ASSERT_TRUE(poll.Join());
  ASSERT_TRUE(shutdown.Join());
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownRacesTest, TheServiceThreadFinishesWhileTheBufferIsDestroyed) {
  std::unique_ptr<Buffer> mine = Make(ServiceOptions());
  mine->GetShard("ks", "0");
  std::atomic<bool> on_its_own{false};
  const std::thread::id here = std::this_thread::get_id();
  StopAt retire("shutdown:before-retire");
  mine->BeginShutdown([&] {
    on_its_own = std::this_thread::get_id() != here;
    ++done_;
  });
  ASSERT_TRUE(retire.Await());
  Step destroy([&] { mine.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended());
  retire.LetGo();
  ASSERT_TRUE(destroy.Join());
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(on_its_own);
}

}  // namespace
}  // namespace failover::test
