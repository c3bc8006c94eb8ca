// Races of timers and polls.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "named_races.h"
#include "support/thread_signal.h"
#include "sync_points.h"

namespace failover::test {
namespace {

// ---- Timers and polls ---------------------------------------------------------------------------

TEST_F(NamedRacesTest, TheTimerOfAnEarlierFailoverDoesNotEndTheNext) {
  AsyncRequest first = Fail();
  clock_.Advance(absl::Seconds(20));
  StopAt fired("timer:before-lock");
  Step poll([&] { buffer().Poll(); });
  ASSERT_TRUE(fired.Await());
  Report(1, true, 1);
  EXPECT_TRUE(first.handle().Cancel());
  clock_.Advance(absl::Hours(1));
  const AsyncRequest second = Fail();
  EXPECT_TRUE(second.held());
  fired.LetGo();
  ASSERT_TRUE(poll.Join());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(NamedRacesTest, ADeadlineThatComesUpWhilePollEndsIsInItsAnswerOrAWakeUp) {
  constexpr absl::Duration kTimeout = absl::Milliseconds(3);
  for (const char* const point : {"poll:before-end", "poll:ended"}) {
    std::atomic<int> wakeups{0};
    BufferOptions options = ManualOptions();
    options.wakeup = [&wakeups] { ++wakeups; };
    Create(options);
    absl::Duration answer;
    StopAt ending(point);
    Step poll([&] { answer = buffer().Poll(); });
    ASSERT_TRUE(ending.Await()) << point;
    RequestContext context;
    context.timeout = kTimeout;
    const AsyncRequest request = Fail(context);
    ending.LetGo();
    ASSERT_TRUE(poll.Join());
    EXPECT_TRUE(answer <= kTimeout || wakeups > 0) << point;
    Advance(kTimeout);
    EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout) << point;
    Destroy();
    Create(ManualOptions());
  }
}

// Poll gives its answer and remembers it in one step. A request that comes just after is compared
// with this answer, not with the answer of an earlier Poll, which the event loop has forgotten.
TEST_F(NamedRacesTest, ADeadlineThatComesUpWhilePollEndsIsNotMeasuredByAnEarlierAnswer) {
  std::atomic<int> wakeups{0};
  BufferOptions options = ManualOptions();
  options.wakeup = [&wakeups] { ++wakeups; };
  Create(options);
  RequestContext context;
  context.timeout = absl::Seconds(3);
  AsyncRequest first = Fail(context);
  EXPECT_EQ(buffer().Poll(), absl::Seconds(3));
  EXPECT_TRUE(first.handle().Cancel());
  absl::Duration answer;
  StopAt ending("poll:ended");
  Step poll([&] { answer = buffer().Poll(); });
  ASSERT_TRUE(ending.Await());
  const int before = wakeups;
  context.timeout = absl::Seconds(5);
  const AsyncRequest request = Fail(context);
  ending.LetGo();
  ASSERT_TRUE(poll.Join());
  EXPECT_TRUE(answer <= context.timeout || wakeups > before) << "nobody tells the event loop";
  Advance(context.timeout);
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
  Destroy();
  Create(ManualOptions());
}

TEST_F(NamedRacesTest, AWakeUpThatComesBeforeTheServiceThreadSleepsIsNotLost) {
  StopAt about_to_sleep("service:before-sleep");
  const std::unique_ptr<Buffer> buffer = Make(ServiceOptions());
  ASSERT_TRUE(about_to_sleep.Await());
  Signal ran;
  const ShardHandle shard = buffer->GetShard("ks", "0");
  const BufferedRequest handle = *buffer->WaitForFailoverEndAsync(
      {}, shard, FailoverError(), [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); });
  EXPECT_TRUE(buffer->StopBuffering(shard));
  about_to_sleep.LetGo();
  EXPECT_TRUE(ran.Await());
}

}  // namespace
}  // namespace failover::test
