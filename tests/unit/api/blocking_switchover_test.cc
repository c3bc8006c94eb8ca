// These tests cover the blocking wait for quiet, with threads, on the steady clock.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "failover/retry.h"
#include "failover/switchover.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

class BlockingSwitchoverTest : public BufferTest {
 protected:
  BlockingSwitchoverTest() {
    Create(UnhurriedOptions());
    Report(1, true, 1);
    statement_.work = Work::kStatement;
  }

  Switchover Begin() { return *buffer().BeginSwitchover(shard(), {}); }
  RetryDoneFunc Statement() {
    return *buffer().WaitForFailoverEnd(statement_, shard(), absl::OkStatus());
  }

  RequestContext statement_;
};

TEST_F(BlockingSwitchoverTest, TheEndOfTheLastStatementEndsTheWait) {
  RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  std::optional<absl::StatusOr<WorkInFlight>> quiet;
  std::thread waits([&] { quiet = switchover.WaitUntilQuiet(absl::InfiniteDuration()); });
  statement();
  waits.join();
  EXPECT_TRUE(quiet->ok());
}

TEST_F(BlockingSwitchoverTest, AnAbortEndsTheWait) {
  const RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  std::optional<absl::StatusOr<WorkInFlight>> quiet;
  std::thread waits([&] { quiet = switchover.WaitUntilQuiet(absl::InfiniteDuration()); });
  EXPECT_TRUE(switchover.Abort());
  waits.join();
  EXPECT_TRUE(absl::IsAborted(quiet->status()));
}

TEST_F(BlockingSwitchoverTest, ItsOwnTimeoutEndsTheWait) {
  const RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  EXPECT_TRUE(absl::IsDeadlineExceeded(switchover.WaitUntilQuiet(absl::Milliseconds(1)).status()));
}

TEST_F(BlockingSwitchoverTest, WithoutAThreadOfTheBufferTheTimeoutEndsTheWait) {
  BufferOptions options = UnhurriedOptions();
  options.threading = Threading::kManual;
  Create(options);
  const RetryDoneFunc statement = Statement();
  Switchover switchover = Begin();
  EXPECT_TRUE(absl::IsDeadlineExceeded(switchover.WaitUntilQuiet(absl::Milliseconds(1)).status()));
}

// Several threads run statements all the time. When a switchover is quiet, none is under way.
TEST_F(BlockingSwitchoverTest, NoStatementRunsWhileItIsQuiet) {
  std::atomic<int> running{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const absl::Status done = RunWithFailoverRetry(buffer(), statement_, shard(), [&] {
          running.fetch_add(1);
          running.fetch_sub(1);
          return absl::OkStatus();
        });
        EXPECT_TRUE(done.ok()) << done;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
    // The drain of the switchover before may not be over yet.
    if (!switchover.ok()) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_TRUE(switchover->WaitUntilQuiet(absl::InfiniteDuration()).ok());
    for (int look = 0; look < 100; ++look) EXPECT_EQ(running.load(), 0);
    EXPECT_TRUE(switchover->Abort());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace failover::test
