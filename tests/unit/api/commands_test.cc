// These tests cover the commands of an operator or of a failover tool: StartBuffering and
// StopBuffering.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class CommandsTest : public BufferTest {};

TEST_F(CommandsTest, StartHoldsTheNextRequest) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a planned switchover"));
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 1u);
  const AsyncRequest request = Request();
  EXPECT_TRUE(request.held());
}

TEST_F(CommandsTest, TheReasonGoesToTheLog) {
  buffer().StartBuffering(shard(), "a planned switchover");
  ASSERT_EQ(log_.Count(": starting buffering"), 1u);
  EXPECT_THAT(log_.LinesWith(": starting buffering").front(),
              HasSubstr("because of: a planned switchover"));
}

TEST_F(CommandsTest, ASecondStartHasNothingToDo) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_FALSE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(CommandsTest, StartHasNothingToDoWhileBufferingForAnotherReason) {
  const AsyncRequest request = Fail();
  EXPECT_FALSE(buffer().StartBuffering(shard(), "a test"));
}

TEST_F(CommandsTest, StartHasNothingToDoWhileDraining) {
  const AsyncRequest request = Fail();
  EndFailover();
  ASSERT_EQ(Stats().state, State::kDraining);
  EXPECT_FALSE(buffer().StartBuffering(shard(), "a test"));
}

TEST_F(CommandsTest, TheGuardsDoNotApplyToStart) {
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_TRUE(buffer().StartBuffering(shard(), "another"));
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(CommandsTest, TheLongestDurationAppliesToStart) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  Advance(absl::Seconds(20) - absl::Nanoseconds(1));
  EXPECT_EQ(Stats().state, State::kBuffering);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(At(Stats().stops, StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(CommandsTest, AReportEndsWhatAnOperatorStarted) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  const AsyncRequest request = Request();
  EndFailover();
  EXPECT_TRUE(request.released());
}

TEST_F(CommandsTest, StopReleases) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  AsyncRequest request = Request();
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kManual);
}

TEST_F(CommandsTest, StopHasNothingToDoWhenIdleOrDraining) {
  EXPECT_FALSE(buffer().StopBuffering(shard()));
  const AsyncRequest request = Fail();
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_FALSE(buffer().StopBuffering(shard()));
  EXPECT_EQ(At(Stats().stops, StopReason::kManual), 1u);
}

TEST_F(CommandsTest, AFailoverThatAnOperatorStoppedGuardsTheNext) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kLastFailoverTooRecent), 1u);
}

TEST_F(CommandsTest, AnInertHandleHasNothingToDo) {
  EXPECT_FALSE(buffer().StartBuffering(ShardHandle(), "a test"));
  EXPECT_FALSE(buffer().StopBuffering(ShardHandle()));
}

TEST_F(CommandsTest, AnEmptyReasonIsFine) { EXPECT_TRUE(buffer().StartBuffering(shard(), "")); }

}  // namespace
}  // namespace failover::test
