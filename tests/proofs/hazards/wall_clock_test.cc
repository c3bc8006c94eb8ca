// Steps of the wall clock must move no window and no timeout, because the library never looks at
// the wall clock. This program has its own clock_gettime, which counts the looks at the wall clock
// and makes it jump.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace {

std::atomic<std::int64_t> wall_clock_step{0};
std::atomic<int> looks_at_wall_clock{0};

}  // namespace

// Visible, so that the standard library calls this function, too.
extern "C" __attribute__((visibility("default"))) int clock_gettime(
    clockid_t clock, struct timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_REALTIME) {
    ++looks_at_wall_clock;
    time->tv_sec += wall_clock_step;
  }
  return result;
}

namespace failover::test {
namespace {

constexpr std::int64_t kTenHours = 36000;

class WallClockTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  WallClockTest() {
    BufferOptions options = UnhurriedOptions();
    // A log line on stderr would contain the time of day.
    options.log = [](LogLevel, std::string_view) {};
    buffer_ = *Buffer::Create(std::move(options));
    shard_ = buffer_->GetShard("ks", "0");
  }
  ~WallClockTest() override { wall_clock_step = 0; }

  BufferedRequest Hold(absl::Duration timeout, Signal* ended) {
    RequestContext context;
    context.timeout = timeout;
    absl::StatusOr<BufferedRequest> handle = buffer_->WaitForFailoverEndAsync(
        context, shard_, FailoverError(),
        [ended](const absl::StatusOr<RetryDoneFunc>&) { ended->Give(); });
    EXPECT_TRUE(handle.ok()) << handle.status();
    return handle.ok() ? *std::move(handle) : BufferedRequest();
  }

  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
};

INSTANTIATE_TEST_SUITE_P(Steps, WallClockTest, ::testing::Values(0, kTenHours, -kTenHours));

TEST(WallClock, IsOursInThisProgram) {
  const time_t before = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  wall_clock_step = kTenHours;
  const time_t after = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  wall_clock_step = 0;
  EXPECT_GE(after - before, kTenHours);
}

TEST_P(WallClockTest, AStepEndsNoWaitEarlyOrLate) {
  Signal short_one;
  Signal window;
  Signal long_one;
  const BufferedRequest held_for_the_window = Hold(absl::InfiniteDuration(), &window);
  const BufferedRequest held_long = Hold(absl::Minutes(30), &long_one);
  const BufferedRequest held_shortly = Hold(absl::Milliseconds(30), &short_one);
  wall_clock_step = GetParam();
  EXPECT_TRUE(short_one.Await()) << "the short timeout never ended";
  EXPECT_EQ(long_one.given(), 0) << "the long timeout ended hours too early";
  EXPECT_EQ(window.given(), 0) << "the window ended hours too early";
  EXPECT_EQ(buffer_->GetShardStats("ks", "0")->state, State::kBuffering);
}

TEST_P(WallClockTest, AStepEndsNoBlockingWaitEarlyOrLate) {
  // The timeout is long enough that the call is still held when the step comes.
  constexpr std::chrono::milliseconds kTimeout(300);
  const int looks_before = looks_at_wall_clock;
  const auto begin = std::chrono::steady_clock::now();
  absl::StatusOr<RetryDoneFunc> result;
  std::thread blocked([&] {
    RequestContext context;
    context.timeout = absl::FromChrono(kTimeout);
    result = buffer_->WaitForFailoverEnd(context, shard_, FailoverError());
  });
  // This counter never goes down, so the loop ends once the request has been held.
  while (buffer_->GetShardStats("ks", "0")->requests_buffered == 0) std::this_thread::yield();
  wall_clock_step = GetParam();
  blocked.join();
  EXPECT_EQ(ReasonOf(result.status()), BufferErrorReason::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, kTimeout);
  EXPECT_EQ(looks_at_wall_clock, looks_before);
}

TEST_P(WallClockTest, AStepDoesNotMoveTheGraceOfShutdown) {
  const int looks_before = looks_at_wall_clock;
  RetryDoneFunc token;
  Signal released;
  const BufferedRequest handle = *buffer_->WaitForFailoverEndAsync(
      {}, shard_, FailoverError(), [&](absl::StatusOr<RetryDoneFunc> result) {
        token = *std::move(result);
        released.Give();
      });
  std::thread shutdown([this] { buffer_->Shutdown(); });
  ASSERT_TRUE(released.Await());
  wall_clock_step = GetParam();
  EXPECT_EQ(buffer_->GetShardStats("ks", "0")->requests_retrying, 1u)
      << "the grace of an hour is not over";
  token();
  shutdown.join();
  EXPECT_EQ(looks_at_wall_clock, looks_before);
}

TEST_P(WallClockTest, NothingLooksAtTheWallClock) {
  const int before = looks_at_wall_clock;
  Signal ended;
  const BufferedRequest handle = Hold(absl::Milliseconds(30), &ended);
  wall_clock_step = GetParam();
  EXPECT_TRUE(ended.Await());
  buffer_->StatsUpdate(PrimaryReport(1, true, 1));
  buffer_->Stats();
  buffer_->Shutdown();
  EXPECT_EQ(looks_at_wall_clock, before);
}

}  // namespace
}  // namespace failover::test
