// These tests cover fork: the child has a copy of every Buffer, but none of the threads.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "failover/testing/simulated_clock.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

// Runs one failover from its beginning to its end. Returns 0 if all went well.
int HoldAndRelease(Buffer& buffer) {
  int runs = 0;
  const ShardHandle shard = buffer.GetShard("ks", "child");
  absl::StatusOr<BufferedRequest> handle = buffer.WaitForFailoverEndAsync(
      {}, shard, FailoverError(), [&runs](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
  if (!handle.ok() || !*handle) return 1;
  buffer.StatsUpdate(PrimaryReport(1, true, 1, "child"));
  buffer.Poll();
  return runs == 1 ? 0 : 2;
}

// Runs `child` in a child process, which exits without destroying anything. Returns what `child`
// returned.
template <typename Child>
int InAChild(Child child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status)) << "the child ended by a signal";
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ForkTest, TheChildMayLeaveTheBufferWithAServiceThreadAloneAndMakeOneOfItsOwn) {
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(UnhurriedOptions());
  Signal ran;
  const BufferedRequest handle = *buffer->WaitForFailoverEndAsync(
      {}, buffer->GetShard("ks", "0"), FailoverError(),
      [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); });
  EXPECT_EQ(InAChild([] {
              SimulatedClock clock;
              BufferOptions options;
              options.threading = Threading::kManual;
              options.clock = &clock;
              const std::unique_ptr<Buffer> own = *Buffer::Create(std::move(options));
              return HoldAndRelease(*own);
            }),
            0);
  EXPECT_EQ(ran.given(), 0);
  buffer->StatsUpdate(PrimaryReport(1, true, 1));
  EXPECT_TRUE(ran.Await()) << "the parent's Buffer does not work any more";
}

TEST(ForkTest, AManualBufferWorksOnInTheChildAndInTheParent) {
  SimulatedClock clock;
  BufferOptions options;
  options.threading = Threading::kManual;
  options.clock = &clock;
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(std::move(options));
  int runs = 0;
  const BufferedRequest handle =
      *buffer->WaitForFailoverEndAsync({}, buffer->GetShard("ks", "0"), FailoverError(),
                                       [&runs](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
  EXPECT_EQ(InAChild([&] {
              buffer->StatsUpdate(PrimaryReport(1, true, 1));
              buffer->Poll();
              if (runs != 1) return 3;
              return HoldAndRelease(*buffer);
            }),
            0);
  EXPECT_EQ(runs, 0) << "a callback in the child must not run in the parent";
  buffer->StatsUpdate(PrimaryReport(1, true, 1));
  buffer->Poll();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(buffer->GetShardStats("ks", "child"), std::nullopt);
}

}  // namespace
}  // namespace failover::test
