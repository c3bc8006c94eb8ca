// Races of a shutdown that BeginShutdown began and that the polling thread finishes.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

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

TEST_F(BeginShutdownRacesTest, BugThreadAfterShutdown_AShutdownWaitsForTheThreadThatHasFinished) {
  StopAt started("service:before-sleep");
  const std::unique_ptr<Buffer> mine = Make(ServiceOptions());
  ASSERT_TRUE(started.Await());
  StopAt finished("service:before-sleep");
  mine->BeginShutdown([this] { ++done_; });
  started.LetGo();
  ASSERT_TRUE(finished.Await());
  EXPECT_EQ(done_, 1);
  Step shutdown([&] { mine->Shutdown(); });
  ASSERT_TRUE(shutdown.EndsOrStands());
  EXPECT_FALSE(shutdown.ended());
  finished.LetGo();
  ASSERT_TRUE(shutdown.Join());
}

// The turn of polling that leaves callbacks behind must be followed by another, although another
// thread finishes the shutdown meanwhile.
TEST_F(BeginShutdownRacesTest, BugPollerSleptOnReadyCallbacks_ShutdownOfAnotherThread) {
  constexpr int kMoreThanATurn = 1500;
  BufferOptions options = ServiceOptions();
  options.size = 2 * kMoreThanATurn;
  options.shutdown_grace = absl::ZeroDuration();
  StopAt started("service:before-sleep");
  const std::unique_ptr<Buffer> mine = Make(options);
  ASSERT_TRUE(started.Await());
  const ShardHandle handle = mine->GetShard("ks", "0");
  std::atomic<int> runs{0};
  std::vector<BufferedRequest> requests;
  for (int i = 0; i < kMoreThanATurn; ++i) {
    absl::StatusOr<BufferedRequest> request = mine->WaitForFailoverEndAsync(
        {}, handle, FailoverError(), [&runs](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
    ASSERT_TRUE(request.ok() && *request);
    requests.push_back(*std::move(request));
  }
  // The wake-up of the first request has come, so the thread sleeps until the next.
  StopAt asleep("service:before-sleep");
  started.LetGo();
  ASSERT_TRUE(asleep.Await());
  asleep.LetGo();
  StopAt callback("callback:before");
  mine->BeginShutdown([this] { ++done_; });
  ASSERT_TRUE(callback.Await());
  Step shutdown([&] { mine->Shutdown(); });
  ASSERT_TRUE(shutdown.EndsOrStands());
  EXPECT_FALSE(shutdown.ended());
  callback.LetGo();
  ASSERT_TRUE(shutdown.Join());
  EXPECT_EQ(runs, kMoreThanATurn);
  EXPECT_EQ(done_, 1);
}

TEST_F(BeginShutdownRacesTest, BugPollerSleptOnReadyCallbacks_ShardClosedInTheTurn) {
  BufferOptions options = ManualOptions();
  options.shutdown_grace = absl::ZeroDuration();
  options.wakeup = [this] { ++wakeups_; };
  Create(std::move(options));
  RacingRequest first;
  first.Submit(buffer(), shard(), FailoverError());
  RacingRequest second;
  second.Submit(buffer(), Shard("1"), FailoverError());
  StopAt one_closed("close:before-lock", 1);
  Step begin([this] { Begin(); });
  ASSERT_TRUE(one_closed.Await());
  Begin();
  StopAt before_end("poll:before-end");
  absl::Duration idle_for;
  Step poll([&] { idle_for = buffer().Poll(); });
  ASSERT_TRUE(before_end.Await());
  // The request of the second shard gets ready while the turn is about to end.
  StopAt both_closed("close:after-lock");
  wakeups_ = 0;
  one_closed.LetGo();
  ASSERT_TRUE(both_closed.Await());
  before_end.LetGo();
  ASSERT_TRUE(poll.Join());
  both_closed.LetGo();
  ASSERT_TRUE(begin.Join());
  EXPECT_TRUE(wakeups_ > 0 || idle_for == absl::ZeroDuration()) << idle_for;
  PollAll();
  EXPECT_EQ(first.runs() + second.runs(), 2);
  EXPECT_EQ(done_, 2);
}

}  // namespace
}  // namespace failover::test
