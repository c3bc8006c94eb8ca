// Races of planned switchovers.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "failover/switchover.h"
#include "named_races.h"
#include "sync_points.h"

namespace failover::test {
namespace {

class SwitchoverRacesTest : public NamedRacesTest {
 protected:
  SwitchoverRacesTest() {
    Report(1, true, 1);
    statement_.work = Work::kStatement;
    // The shard has counters from now on.
    static_cast<void>(Statement());
  }

  Switchover Begin() { return *buffer().BeginSwitchover(shard(), {}); }
  RetryDoneFunc Statement() {
    return *buffer().WaitForFailoverEnd(statement_, shard(), absl::OkStatus());
  }

  RequestContext statement_;
};

// A statement is counted, and has not loaded the gate, when the switchover closes the gate.
TEST_F(SwitchoverRacesTest, AStatementEntersBetweenTheGateAndTheSum) {
  StopAt counted("work:counted");
  std::optional<AsyncRequest> request;
  Step enter([&] { request.emplace(buffer(), shard(), absl::OkStatus(), statement_); });
  ASSERT_TRUE(counted.Await());
  Switchover switchover = Begin();
  EXPECT_FALSE(switchover.progress().quiet) << "the statement may have passed";
  counted.LetGo();
  ASSERT_TRUE(enter.Join());
  EXPECT_TRUE(request->held());
  EXPECT_TRUE(switchover.progress().quiet) << "the refused statement looks again";
}

// The switchover has closed the gate, and has not summed, when a statement is counted.
TEST_F(SwitchoverRacesTest, AStatementIsCountedBetweenTheGateAndTheSum) {
  StopAt enters("work:before-count");
  StopAt counted("work:counted");
  std::optional<AsyncRequest> request;
  Step enter([&] { request.emplace(buffer(), shard(), absl::OkStatus(), statement_); });
  ASSERT_TRUE(enters.Await());
  StopAt sums("switchover:sums");
  std::optional<Switchover> switchover;
  Step begin([&] { switchover.emplace(Begin()); });
  ASSERT_TRUE(sums.Await());
  enters.LetGo();
  ASSERT_TRUE(counted.Await());
  sums.LetGo();
  ASSERT_TRUE(begin.Join());
  EXPECT_FALSE(switchover->progress().quiet);
  counted.LetGo();
  ASSERT_TRUE(enter.Join());
  EXPECT_TRUE(request->held());
  EXPECT_TRUE(switchover->progress().quiet);
}

// The count of a statement that is being refused hides from the last statement that none is left.
TEST_F(SwitchoverRacesTest, ARefusedStatementHidesTheZero) {
  RetryDoneFunc last = Statement();
  StopAt enters("work:before-count");
  StopAt counted("work:counted");
  std::optional<AsyncRequest> request;
  Step enter([&] { request.emplace(buffer(), shard(), absl::OkStatus(), statement_); });
  ASSERT_TRUE(enters.Await());
  Switchover switchover = Begin();
  enters.LetGo();
  ASSERT_TRUE(counted.Await());
  last();
  EXPECT_FALSE(switchover.progress().quiet);
  counted.LetGo();
  ASSERT_TRUE(enter.Join());
  EXPECT_TRUE(request->held());
  EXPECT_TRUE(switchover.progress().quiet);
}

// A statement has left, and has not loaded the gate, when the switchover closes the gate and sums.
TEST_F(SwitchoverRacesTest, AStatementLeavesBetweenTheGateAndTheSum) {
  RetryDoneFunc statement = Statement();
  StopAt left("work:left");
  Step leave([&] { statement(); });
  ASSERT_TRUE(left.Await());
  Switchover switchover = Begin();
  EXPECT_TRUE(switchover.progress().quiet);
  left.LetGo();
  ASSERT_TRUE(leave.Join());
  EXPECT_TRUE(switchover.progress().quiet);
}

// The switchover has closed the gate, and has not summed, when the last statement leaves.
TEST_F(SwitchoverRacesTest, TheLastStatementLeavesBeforeTheSum) {
  RetryDoneFunc statement = Statement();
  StopAt sums("switchover:sums");
  std::optional<Switchover> switchover;
  Step begin([&] { switchover.emplace(Begin()); });
  ASSERT_TRUE(sums.Await());
  StopAt left("work:left");
  Step leave([&] { statement(); });
  ASSERT_TRUE(left.Await());
  sums.LetGo();
  ASSERT_TRUE(begin.Join());
  EXPECT_TRUE(switchover->progress().quiet);
  left.LetGo();
  ASSERT_TRUE(leave.Join());
  EXPECT_TRUE(switchover->progress().quiet);
}

TEST_F(SwitchoverRacesTest, TheHoldTimesOutBeforeACommit) {
  Switchover switchover = Begin();
  StopAt commits("commit:before-lock");
  absl::Status committed;
  Step commit([&] { committed = switchover.Commit(); });
  ASSERT_TRUE(commits.Await());
  Advance(absl::Seconds(10));
  commits.LetGo();
  ASSERT_TRUE(commit.Join());
  EXPECT_TRUE(absl::IsAborted(committed));
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(SwitchoverRacesTest, ACommitComesBeforeTheTimerOfTheHold) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request();
  StopAt fires("timer:before-lock");
  Step timer([&] { Advance(absl::Seconds(10)); });
  ASSERT_TRUE(fires.Await());
  // The time is over, whoever looks first.
  EXPECT_TRUE(absl::IsAborted(switchover.Commit()));
  fires.LetGo();
  ASSERT_TRUE(timer.Join());
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
  EXPECT_EQ(held.runs(), 1);
}

TEST_F(SwitchoverRacesTest, AnAbortMeetsAShutdown) {
  Switchover switchover = Begin();
  const AsyncRequest held = Request();
  StopAt aborts("abort:before-lock");
  bool aborted = true;
  Step abort([&] { aborted = switchover.Abort(); });
  ASSERT_TRUE(aborts.Await());
  buffer().Shutdown();
  aborts.LetGo();
  ASSERT_TRUE(abort.Join());
  EXPECT_FALSE(aborted);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kShutdown);
  EXPECT_EQ(held.runs(), 1);
}

TEST_F(SwitchoverRacesTest, ADestructorComesAfterALaterSwitchoverBegan) {
  std::optional<Switchover> earlier = Begin();
  StopAt aborts("abort:before-lock");
  Step destroy([&] { earlier.reset(); });
  ASSERT_TRUE(aborts.Await());
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  Switchover later = Begin();
  aborts.LetGo();
  ASSERT_TRUE(destroy.Join());
  EXPECT_FALSE(later.progress().end.has_value());
  EXPECT_TRUE(later.progress().quiet);
}

TEST_F(SwitchoverRacesTest, ACommitComesAfterALaterSwitchoverBegan) {
  Switchover earlier = Begin();
  StopAt commits("commit:before-lock");
  absl::Status committed;
  Step commit([&] { committed = earlier.Commit(); });
  ASSERT_TRUE(commits.Await());
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  Switchover later = Begin();
  commits.LetGo();
  ASSERT_TRUE(commit.Join());
  EXPECT_TRUE(absl::IsAborted(committed));
  EXPECT_FALSE(later.progress().end.has_value());
}

TEST_F(SwitchoverRacesTest, AnAbortMeetsAThreadThatIsAboutToBlock) {
  const RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  StopAt blocks("quiet-wait:before-block");
  absl::Status quiet;
  Step wait([&] { quiet = switchover.WaitUntilQuiet(absl::InfiniteDuration()).status(); });
  ASSERT_TRUE(blocks.Await());
  EXPECT_TRUE(switchover.Abort());
  blocks.LetGo();
  ASSERT_TRUE(wait.Join());
  EXPECT_TRUE(absl::IsAborted(quiet));
}

// A request was released and counted. Its cancel wins before its callback runs, while the next
// switchover waits for it.
TEST_F(SwitchoverRacesTest, ACancelTakesBackARequestThatASwitchoverWaitsFor) {
  AsyncRequest request = Fail(statement_);
  ASSERT_TRUE(request.held());
  // Nobody polls, so the callback does not run yet.
  Report(2, true, 2);
  StopAt cancels("cancel:before-lock");
  bool cancelled = false;
  Step cancel([&] { cancelled = request.handle().Cancel(); });
  ASSERT_TRUE(cancels.Await());
  EXPECT_EQ(Stats().state, State::kDraining);
  cancels.LetGo();
  ASSERT_TRUE(cancel.Join());
  EXPECT_TRUE(cancelled);
  ASSERT_EQ(Stats().state, State::kIdle);
  EXPECT_TRUE(Begin().progress().quiet);
}

// The token of a held statement is the last that a switchover waits for, and a Shutdown comes.
TEST_F(SwitchoverRacesTest, TheLastStatementLeavesAfterAShutdown) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  StopAt left("work-end:before-lock");
  Step leave([&] { statement(); });
  ASSERT_TRUE(left.Await());
  buffer().Shutdown();
  left.LetGo();
  ASSERT_TRUE(leave.Join());
  EXPECT_FALSE(switchover.progress().quiet);
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kShutdown);
}

}  // namespace
}  // namespace failover::test
