// These tests cover coroutines that are resumed by the inbox of their event loop.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "failover/coroutine.h"
#include "failover/inbox.h"
#include "support/buffer_test.h"
#include "support/task.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

class InboxCoroutineTest : public BufferTest {
 protected:
  InboxCoroutineTest() {
    inbox_.emplace([this] { ++wakes_; });
    context_.inbox = &*inbox_;
  }

  static Task Wait(Buffer& buffer, ShardHandle shard, absl::Status error, RequestContext context,
                   std::optional<Result>& result) {
    result.emplace(co_await AwaitFailoverEnd(buffer, context, shard, std::move(error)));
  }
  Task Held(std::optional<Result>& result) {
    return Wait(buffer(), shard(), FailoverError(), context_, result);
  }

  int wakes_ = 0;
  std::optional<Inbox> inbox_;
  RequestContext context_;
};

TEST_F(InboxCoroutineTest, ACoroutineIsResumedInThePollOfItsInbox) {
  std::optional<Result> result;
  const Task task = Held(result);
  EndFailover();
  PollAll();
  EXPECT_FALSE(task.done());
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
  EXPECT_TRUE(**result);
}

TEST_F(InboxCoroutineTest, AStopGoesHome) {
  std::stop_source stop;
  std::optional<Result> result;
  const Task task = [](Buffer& buffer, ShardHandle shard, RequestContext context,
                       std::stop_token token, std::optional<Result>& into) -> Task {
    const absl::Status error = FailoverError();
    into.emplace(co_await AwaitFailoverEnd(buffer, context, shard, error, token));
  }(buffer(), shard(), context_, stop.get_token(), result);
  stop.request_stop();
  EXPECT_FALSE(task.done());
  EXPECT_FALSE(inbox_->Poll());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(ReasonOf(result->status()), BufferErrorReason::kCancelled);
}

TEST_F(InboxCoroutineTest, ASuspendedCoroutineMayBeDestroyedWhenItIsReady) {
  std::optional<Result> result;
  {
    const Task task = Held(result);
    EndFailover();
  }
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(InboxCoroutineTest, ASuspendedCoroutineMayBeDestroyedAfterItsBuffer) {
  std::optional<Result> result;
  {
    const Task task = Held(result);
    Destroy();
  }
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_FALSE(result.has_value());
}

TEST_F(InboxCoroutineTest, ACoroutineGoesOnAfterItsBuffer) {
  std::optional<Result> result;
  const Task task = Held(result);
  Destroy();
  EXPECT_FALSE(inbox_->Poll());
  EXPECT_TRUE(task.done());
  ASSERT_TRUE(result->ok());
  (**result)(Attempt::kSucceeded);
}

TEST_F(InboxCoroutineTest, AfterTheEndOfAnInboxAndABufferACoroutineIsStillSuspended) {
  Cancellation cancellation;
  context_.cancellation = &cancellation;
  std::optional<Result> result;
  {
    const Task task = Held(result);
    inbox_.reset();
    EXPECT_EQ(buffer().Stats().slots_free, 10u);
    Destroy();
    cancellation.Cancel();
    EXPECT_FALSE(task.done());
  }
  EXPECT_FALSE(result.has_value());
}

}  // namespace
}  // namespace failover::test
