// These tests cover planned switchovers that meet a change of the options.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "failover/switchover.h"
#include "reloading_test.h"

namespace failover::test {
namespace {

class ReconfigureSwitchoverTest : public ReloadingTest {
 protected:
  ReconfigureSwitchoverTest() { Report(1, true, 1); }

  Switchover Begin(const SwitchoverOptions& options = {}) {
    absl::StatusOr<Switchover> begun = buffer().BeginSwitchover(shard(), options);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return *std::move(begun);
  }
  static RequestContext As(Work work) {
    RequestContext context;
    context.work = work;
    return context;
  }
};

// ---- Work that passed a shard that did not buffer -----------------------------------------------

TEST_F(ReconfigureSwitchoverTest, BugUncountedWork_ASwitchoverWaitsForWhatADisabledShardLetPass) {
  BufferOnly("ks/1");
  AsyncRequest statement = Request(As(Work::kStatement));
  AsyncRequest failed = Fail(As(Work::kStatement));
  absl::StatusOr<RetryDoneFunc> transaction =
      buffer().WaitForFailoverEnd(As(Work::kTransaction), shard(), absl::OkStatus());
  ASSERT_TRUE(statement.passed() && failed.passed() && transaction.ok());
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kDisabled), 3u);
  BufferOnly("");
  const Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight.statements, 2u);
  EXPECT_EQ(switchover.progress().in_flight.transactions, 1u);
  (*transaction)();
  statement.handle() = BufferedRequest();
  EXPECT_EQ(switchover.progress().stage, SwitchoverStage::kAllHeld);
  EXPECT_FALSE(switchover.progress().quiet);
  failed.handle() = BufferedRequest();
  EXPECT_TRUE(switchover.progress().quiet);
}

TEST_F(ReconfigureSwitchoverTest, BugUncountedWork_AlsoOfARetryThatComesBackToADisabledShard) {
  AsyncRequest held = Fail(As(Work::kStatement));
  BufferOnly("ks/1");
  ASSERT_TRUE(held.released());
  AsyncRequest again(buffer(), shard(), LastAttempt(FailoverError()).After(std::move(held.token())),
                     As(Work::kStatement));
  ASSERT_TRUE(again.passed());
  BufferOnly("");
  const Switchover switchover = Begin();
  EXPECT_EQ(switchover.progress().in_flight.statements, 1u);
  again.handle() = BufferedRequest();
  EXPECT_TRUE(switchover.progress().quiet);
}

// ---- The window ---------------------------------------------------------------------------------

TEST_F(ReconfigureSwitchoverTest, BugShorterWindow_WhoJoinsASwitchoverIsHeldUntilItsHoldTimeout) {
  SwitchoverOptions options;
  options.hold_timeout = absl::Seconds(5);
  const Switchover switchover = Begin(options);
  const absl::Time began = clock_.Now();
  const AsyncRequest first = Request();
  Reconfigure([](BufferOptions& next) { next.window = absl::Seconds(2); });
  const AsyncRequest second = Request();
  EXPECT_EQ(Stats().oldest_held_since, began);
  Advance(absl::Seconds(5) - absl::Nanoseconds(1));
  EXPECT_FALSE(first.done() || second.done());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(first.released());
  EXPECT_EQ(switchover.progress().end, SwitchoverEnd::kTimedOut);
}

TEST_F(ReconfigureSwitchoverTest, BugShorterWindow_ItActsFromTheEndOfTheSwitchoverOn) {
  Switchover switchover = Begin();
  const AsyncRequest joined = Request();
  Reconfigure([](BufferOptions& next) { next.window = absl::Seconds(2); });
  Reconfigure([](BufferOptions& next) { next.window = absl::Seconds(3); });
  const AsyncRequest joined_later = Request();
  // Nobody knows the new primary, so the hold goes on as one of an operator.
  EXPECT_EQ(switchover.Commit(), absl::OkStatus());
  const AsyncRequest newcomer = Request();
  Reconfigure([](BufferOptions& next) { next.window = absl::Seconds(4); });
  const AsyncRequest last = Request();
  Advance(absl::Seconds(3));
  EXPECT_TRUE(newcomer.released());
  EXPECT_FALSE(joined.done() || joined_later.done() || last.done());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(last.released());
  EXPECT_FALSE(joined.done() || joined_later.done());
  Advance(absl::Seconds(6));
  EXPECT_TRUE(joined.released() && joined_later.released());
}

}  // namespace
}  // namespace failover::test
