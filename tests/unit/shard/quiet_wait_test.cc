// These tests cover the waits for quiet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "switchover_fixture.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class QuietWaitTest : public SwitchoverTest {
 protected:
  // Waits with a callback, and returns where the result will be.
  std::shared_ptr<std::vector<absl::StatusOr<WorkInFlight>>> Wait(Switchover& switchover,
                                                                  absl::Duration timeout) {
    auto told = std::make_shared<std::vector<absl::StatusOr<WorkInFlight>>>();
    EXPECT_TRUE(switchover
                    .WaitUntilQuiet(timeout,
                                    [told](absl::StatusOr<WorkInFlight> result) {
                                      told->push_back(std::move(result));
                                    })
                    .ok());
    return told;
  }
};

TEST_F(QuietWaitTest, TheCallbackIsToldOfQuiet) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  const auto told = Wait(switchover, absl::InfiniteDuration());
  PollAll();
  EXPECT_TRUE(told->empty());
  statement();
  EXPECT_TRUE(told->empty());
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_TRUE(told->front().ok());
}

TEST_F(QuietWaitTest, TheCallbackOfAQuietSwitchoverRunsInPoll) {
  Switchover switchover = Begin();
  const auto told = Wait(switchover, absl::ZeroDuration());
  EXPECT_TRUE(told->empty());
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_TRUE(told->front().ok());
}

TEST_F(QuietWaitTest, TheCallbackIsToldOfItsTimeout) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  const auto late = Wait(switchover, absl::Seconds(2));
  const auto early = Wait(switchover, absl::Seconds(1));
  Advance(absl::Seconds(1));
  EXPECT_EQ(early->size(), 1u);
  EXPECT_TRUE(late->empty());
  Advance(absl::Seconds(1));
  ASSERT_EQ(late->size(), 1u);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late->front().status()));
  EXPECT_THAT(late->front().status().message(), HasSubstr("1 statements"));
  statement();
  PollAll();
  EXPECT_EQ(late->size(), 1u);
}

TEST_F(QuietWaitTest, TheCallbackIsToldOfEveryEnd) {
  RetryDoneFunc statement = Statement();
  {
    Switchover switchover = Begin();
    const auto told = Wait(switchover, absl::Seconds(5));
    EXPECT_TRUE(switchover.Commit().ok());
    PollAll();
    ASSERT_EQ(told->size(), 1u);
    EXPECT_TRUE(absl::IsAborted(told->front().status()));
    EXPECT_THAT(told->front().status().message(), HasSubstr("Committed"));
  }
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  std::shared_ptr<std::vector<absl::StatusOr<WorkInFlight>>> told;
  {
    Switchover switchover = Begin();
    told = Wait(switchover, absl::Seconds(5));
  }
  PollAll();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_THAT(told->front().status().message(), HasSubstr("Aborted"));
  Switchover switchover = Begin();
  told = Wait(switchover, absl::Seconds(5));
  buffer().Shutdown();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_THAT(told->front().status().message(), HasSubstr("Shutdown"));
}

TEST_F(QuietWaitTest, AnEmptyCallbackIsAnError) {
  Switchover switchover = Begin();
  EXPECT_EQ(switchover.WaitUntilQuiet(absl::Seconds(1), QuietCallback()).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(QuietWaitTest, ABlockingWaitInACallbackIsRefused) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  absl::Status inside;
  EXPECT_TRUE(switchover
                  .WaitUntilQuiet(absl::Seconds(1),
                                  [&](absl::StatusOr<WorkInFlight>) {
                                    inside = switchover.WaitUntilQuiet(absl::Seconds(1)).status();
                                  })
                  .ok());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(inside)) << inside;
  statement();
}

}  // namespace
}  // namespace failover::test
