// These tests cover numbers beyond 32 bits, clocks at the ends of time, and a process that can
// start no more threads.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "failover/testing/simulated_clock.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr std::uint64_t kBeyond32Bits = std::uint64_t{1} << 33;

// Returns whether every count has 64 bits. At a million a second such a count lasts for half a
// million years.
template <typename... Counts>
constexpr bool AreWide(const Counts&...) {
  return (std::is_same_v<std::uint64_t, Counts> && ...);
}
constexpr bool EveryCounterIsWide() {
  const ShardCounters shard;
  return AreWide(shard.starts, shard.stops[0], shard.utilization_sum, shard.utilization_dry_run_sum,
                 shard.last_requests_in_flight_max, shard.last_requests_dry_run_max,
                 shard.requests_buffered, shard.requests_buffered_dry_run, shard.requests_drained,
                 shard.requests_evicted[0], shard.requests_skipped[0], shard.retries_succeeded,
                 shard.retries_failed);
}
static_assert(EveryCounterIsWide());
static_assert(AreWide(decltype(ShardStats::requests_held)(),
                      decltype(ShardStats::requests_retrying)(), decltype(BufferStats::size)(),
                      decltype(BufferStats::slots_free)(), decltype(BufferStats::bytes_held)(),
                      decltype(BufferStats::requests_skipped_too_many_shards)()));

using ExtremesTest = BufferTest;

// Ends the process. The exit code is 0 if a Buffer without threads is refused as it should be.
[[noreturn]] void MakeABufferWithoutThreads() {
  // The test becomes this user, because root may start any number of threads.
  constexpr uid_t kNobody = 65534;
  const rlimit none = {0, 0};
  if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(2);
  if (geteuid() == 0 && setuid(kNobody) != 0) _exit(3);
  _exit(Buffer::Create({}).status().code() == absl::StatusCode::kResourceExhausted ? 0 : 1);
}

TEST(ExtremesDeathTest, WithoutAServiceThreadThereIsNoBuffer) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(MakeABufferWithoutThreads(), ::testing::ExitedWithCode(0), "");
}

TEST_F(ExtremesTest, LimitsMayBeBeyond32Bits) {
  BufferOptions options = ManualOptions();
  options.size = static_cast<std::int64_t>(kBeyond32Bits);
  options.max_bytes = kBeyond32Bits;
  options.drain_concurrency = std::numeric_limits<std::int64_t>::max();
  options.max_shards = std::numeric_limits<std::int64_t>::max();
  Create(std::move(options));
  RequestContext half;
  half.bytes = kBeyond32Bits / 2;
  AsyncRequest first = Fail(half);
  AsyncRequest second = Request(half);
  EXPECT_EQ(buffer().Stats().bytes_held, kBeyond32Bits);
  EXPECT_EQ(buffer().Stats().slots_free, kBeyond32Bits - 2);
  const AsyncRequest third = Request(half);
  EXPECT_TRUE(third.held());
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(buffer().Stats().bytes_held, kBeyond32Bits);
}

TEST_F(ExtremesTest, WithoutALimitRequestsMayPinMoreBytesThanThereAre) {
  RequestContext everything;
  everything.bytes = std::numeric_limits<std::size_t>::max();
  AsyncRequest first = Fail(everything);
  AsyncRequest second = Request(everything);
  EXPECT_TRUE(first.held());
  EXPECT_TRUE(second.held());
  EXPECT_TRUE(first.handle().Cancel());
  EXPECT_TRUE(second.handle().Cancel());
  EXPECT_EQ(buffer().Stats().bytes_held, 0u);
}

TEST_F(ExtremesTest, WithALimitARequestThatPinsAllBytesThereAreIsRefused) {
  BufferOptions options = ManualOptions();
  options.max_bytes = std::numeric_limits<std::uint64_t>::max() - 1;
  Create(std::move(options));
  RequestContext everything;
  everything.bytes = std::numeric_limits<std::size_t>::max();
  EXPECT_TRUE(Fail(everything).refused());
  everything.bytes -= 1;
  AsyncRequest first = Request(everything);
  AsyncRequest second = Request(everything);
  EXPECT_TRUE(second.held());
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
}

TEST_F(ExtremesTest, TimestampsMayTakeAnyValue) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  Report(1, true, kFirst);
  AsyncRequest request = Fail();
  Report(2, true, kFirst);
  EXPECT_EQ(Stats().state, State::kBuffering);
  Report(2, true, kLast);
  PollAll();
  EXPECT_TRUE(request.released());
  request.EndRetry();
  AdvanceBeyondGuards();
  const AsyncRequest late = Fail();
  Report(3, true, kLast);
  EXPECT_EQ(Stats().state, State::kBuffering) << "no timestamp is newer than the greatest one";
}

TEST_F(ExtremesTest, DurationsAddUpBeyond32BitsOfMilliseconds) {
  // 49.7 days are as many milliseconds as fit into 32 bits.
  constexpr absl::Duration kYear = absl::Hours(24 * 365);
  BufferOptions options = ManualOptions();
  options.max_failover_duration = kYear;
  options.min_time_between_failovers = 2 * kYear;
  Create(std::move(options));
  // A Buffer counts nanoseconds in 63 bits, which is enough for 292 years.
  constexpr int kFailovers = 250;
  for (int i = 0; i < kFailovers; ++i) {
    EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
    clock_.Advance(kYear);
    PollAll();
  }
  EXPECT_EQ(Stats().failover_duration_sum, kFailovers * kYear);
}

// Each of these tests starts the clock at another time. The earliest and the latest are near the
// ends of what absl::Time can hold.
class FarClockTest : public ::testing::TestWithParam<std::int64_t> {};

INSTANTIATE_TEST_SUITE_P(Seconds, FarClockTest,
                         ::testing::Values(std::numeric_limits<std::int64_t>::min() + 1,
                                           -(std::int64_t{1} << 62),
                                           -62135596800,  // This is the beginning of the year 1.
                                           0,
                                           253402300799,  // This is the end of the year 9999.
                                           std::int64_t{1} << 62,
                                           std::numeric_limits<std::int64_t>::max() - 7200));

TEST_P(FarClockTest, WindowTimeoutAndDurationAreWhatTheyAlwaysAre) {
  SimulatedClock clock(absl::FromUnixSeconds(GetParam()));
  BufferOptions options;
  options.threading = Threading::kManual;
  options.clock = &clock;
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(std::move(options));
  const ShardHandle shard = buffer->GetShard("ks", "0");
  AsyncRequest windowed(*buffer, shard, FailoverError(), {});
  EXPECT_TRUE(windowed.held());
  RequestContext context;
  context.timeout = absl::Seconds(5);
  const AsyncRequest timed(*buffer, shard, absl::OkStatus(), context);
  EXPECT_EQ(buffer->Poll(), absl::Seconds(5));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(buffer->Poll(), absl::Seconds(5));
  EXPECT_EQ(timed.reason(), BufferErrorReason::kTimeout);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(buffer->Poll(), absl::Seconds(10));
  EXPECT_TRUE(windowed.released());
  windowed.EndRetry();
  clock.Advance(absl::Seconds(10));
  EXPECT_EQ(buffer->Poll(), absl::InfiniteDuration());
  EXPECT_EQ(buffer->GetShardStats("ks", "0")->state, State::kIdle);
  EXPECT_TRUE(AsyncRequest(*buffer, shard, FailoverError(), {}).passed())
      << "a failover so soon must not start";
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(AsyncRequest(*buffer, shard, FailoverError(), {}).held());
}

// An event loop may keep its own time, which is not set before the loop runs. This clock behaves in
// that way.
TEST(UnsetClockTest, ABufferMadeBeforeTheClockIsSetKeepsItsTimes) {
  class UnsetClock final : public Clock {
   public:
    absl::Time Now() override { return now; }
    absl::Time now = absl::InfinitePast();
  };
  UnsetClock clock;
  BufferOptions options;
  options.threading = Threading::kManual;
  options.clock = &clock;
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(std::move(options));
  clock.now = absl::FromUnixSeconds(1800000000);
  RequestContext context;
  context.timeout = absl::Seconds(2);
  const AsyncRequest request(*buffer, buffer->GetShard("ks", "0"), FailoverError(), context);
  EXPECT_EQ(buffer->Poll(), absl::Seconds(2));
  clock.now += absl::Seconds(2);
  buffer->Poll();
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
}

// Time stands still at both ends, so either nothing or everything is due. No call may hang.
TEST(EndlessClockTest, NoCallHangsOrCrashes) {
  for (const absl::Time now : {absl::InfinitePast(), absl::InfiniteFuture()}) {
    SimulatedClock clock(now);
    BufferOptions options;
    options.threading = Threading::kManual;
    options.clock = &clock;
    const std::unique_ptr<Buffer> buffer = *Buffer::Create(std::move(options));
    const ShardHandle shard = buffer->GetShard("ks", "0");
    const AsyncRequest request(*buffer, shard, FailoverError(), {});
    buffer->Poll();
    buffer->StatsUpdate(PrimaryReport(1, true, 1));
    buffer->Poll();
    EXPECT_TRUE(request.done());
    buffer->Shutdown();
  }
}

}  // namespace
}  // namespace failover::test
