// These tests cover co_await on a switchover that gets quiet, and counted work of coroutines.
#include "failover/coroutine_switchover.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "failover/coroutine.h"
#include "support/buffer_test.h"
#include "support/task.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<WorkInFlight>;

class CoroutineSwitchoverTest : public BufferTest {
 protected:
  CoroutineSwitchoverTest() {
    Report(1, true, 1);
    statement_.work = Work::kStatement;
  }

  Switchover Begin() { return *buffer().BeginSwitchover(shard(), {}); }
  static Task Wait(Switchover& switchover, absl::Duration timeout, std::optional<Result>& result) {
    result.emplace(co_await AwaitQuiet(switchover, timeout));
  }
  static Task Count(Buffer& buffer, ShardHandle shard, RequestContext context,
                    std::optional<absl::StatusOr<RetryDoneFunc>>& token) {
    token.emplace(co_await AwaitFailoverEnd(buffer, context, shard, absl::OkStatus()));
  }

  RequestContext statement_;
};

TEST_F(CoroutineSwitchoverTest, AStatementThatPassesIsCounted) {
  std::optional<absl::StatusOr<RetryDoneFunc>> token;
  const Task task = Count(buffer(), shard(), statement_, token);
  ASSERT_TRUE(task.done());
  EXPECT_FALSE(**token);
  Switchover switchover = Begin();
  std::optional<Result> result;
  const Task wait = Wait(switchover, absl::Seconds(5), result);
  EXPECT_FALSE(wait.done());
  (**token)();
  EXPECT_FALSE(wait.done());
  PollAll();
  ASSERT_TRUE(wait.done());
  EXPECT_TRUE(result->ok());
}

TEST_F(CoroutineSwitchoverTest, AStatementThatIsReleasedIsCounted) {
  std::optional<absl::StatusOr<RetryDoneFunc>> token;
  std::optional<Switchover> first = Begin();
  const Task task = Count(buffer(), shard(), statement_, token);
  EXPECT_FALSE(task.done());
  first.reset();
  PollAll();
  ASSERT_TRUE(task.done());
  WorkToken work = (*token)->TakeWork();
  (**token)();
  Switchover second = Begin();
  EXPECT_FALSE(second.progress().quiet);
  work.End();
  EXPECT_TRUE(second.progress().quiet);
}

TEST_F(CoroutineSwitchoverTest, ACoroutineThatIsDestroyedAfterItsReleaseIsNotInFlight) {
  std::optional<absl::StatusOr<RetryDoneFunc>> token;
  std::optional<Switchover> first = Begin();
  {
    const Task task = Count(buffer(), shard(), statement_, token);
    first.reset();
  }
  PollAll();
  EXPECT_TRUE(Begin().progress().quiet);
}

TEST_F(CoroutineSwitchoverTest, AQuietSwitchoverSuspendsNobody) {
  Switchover switchover = Begin();
  std::optional<Result> result;
  const Task wait = Wait(switchover, absl::Seconds(5), result);
  ASSERT_TRUE(wait.done());
  EXPECT_TRUE(result->ok());
}

TEST_F(CoroutineSwitchoverTest, ItsTimeoutEndsIt) {
  const absl::StatusOr<RetryDoneFunc> token =
      buffer().WaitForFailoverEnd(statement_, shard(), absl::OkStatus());
  Switchover switchover = Begin();
  std::optional<Result> result;
  const Task wait = Wait(switchover, absl::Seconds(2), result);
  Advance(absl::Seconds(2));
  ASSERT_TRUE(wait.done());
  EXPECT_TRUE(absl::IsDeadlineExceeded(result->status()));
}

TEST_F(CoroutineSwitchoverTest, TheEndOfTheSwitchoverEndsIt) {
  const absl::StatusOr<RetryDoneFunc> token =
      buffer().WaitForFailoverEnd(statement_, shard(), absl::OkStatus());
  std::optional<Switchover> switchover = Begin();
  std::optional<Result> result;
  const Task wait = Wait(*switchover, absl::Seconds(2), result);
  switchover.reset();
  PollAll();
  ASSERT_TRUE(wait.done());
  EXPECT_TRUE(absl::IsAborted(result->status()));
}

TEST_F(CoroutineSwitchoverTest, ASuspendedCoroutineMayBeDestroyed) {
  absl::StatusOr<RetryDoneFunc> token =
      buffer().WaitForFailoverEnd(statement_, shard(), absl::OkStatus());
  Switchover switchover = Begin();
  std::optional<Result> result;
  { const Task held = Wait(switchover, absl::Seconds(5), result); }
  {
    const Task ready = Wait(switchover, absl::Seconds(5), result);
    (*token)();
  }
  PollAll();
  EXPECT_FALSE(result.has_value());
}

TEST_F(CoroutineSwitchoverTest, AMovedFromSwitchoverIsAnError) {
  Switchover first = Begin();
  const Switchover second = std::move(first);
  std::optional<Result> result;
  const Task wait = Wait(first, absl::Seconds(5), result);  // NOLINT(bugprone-use-after-move)
  ASSERT_TRUE(wait.done());
  EXPECT_TRUE(absl::IsFailedPrecondition(result->status()));
}

}  // namespace
}  // namespace failover::test
