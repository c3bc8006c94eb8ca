// These tests cover DurationHistogram, its quantiles, and what a shard counts in its histograms.
#include "failover/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

DurationHistogram Of(const std::vector<nanoseconds>& durations) {
  DurationHistogram histogram;
  for (const nanoseconds duration : durations) histogram.Add(duration);
  return histogram;
}

TEST(DurationHistogramTest, ABoundBelongsToTheRangeBelowIt) {
  for (std::size_t i = 0; i < DurationHistogram::kBoundsMs.size(); ++i) {
    const milliseconds bound(DurationHistogram::kBoundsMs[i]);
    EXPECT_EQ(Of({bound}).counts[i], 1u) << bound.count();
    EXPECT_EQ(Of({bound + nanoseconds(1)}).counts[i + 1], 1u) << bound.count();
  }
  EXPECT_EQ(Of({nanoseconds(0)}).counts[0], 1u);
  EXPECT_EQ(Of({nanoseconds::max()}).counts.back(), 1u);
}

TEST(DurationHistogramTest, TheBoundsGrowAndTheDefaultsOfTheOptionsAreAmongThem) {
  const auto& bounds = DurationHistogram::kBoundsMs;
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
  for (const absl::Duration option :
       {BufferOptions().window, BufferOptions().max_failover_duration}) {
    EXPECT_EQ(std::count(bounds.begin(), bounds.end(), absl::ToInt64Milliseconds(option)), 1);
  }
}

TEST(DurationHistogramTest, TheSumIsInSeconds) {
  const DurationHistogram histogram = Of({milliseconds(250), milliseconds(1500)});
  EXPECT_EQ(histogram.Count(), 2u);
  EXPECT_DOUBLE_EQ(histogram.sum_seconds, 1.75);
}

TEST(QuantileTest, AnEmptyHistogramHasZero) {
  EXPECT_EQ(Quantile(DurationHistogram(), 0.99), absl::ZeroDuration());
}

TEST(QuantileTest, DurationsAreSpreadEvenlyOverTheirRange) {
  // Four durations in the range from 1 s to 2 s.
  const DurationHistogram histogram = Of(std::vector<nanoseconds>(4, milliseconds(1700)));
  EXPECT_EQ(Quantile(histogram, 0.25), absl::Milliseconds(1250));
  EXPECT_EQ(Quantile(histogram, 0.5), absl::Milliseconds(1500));
  EXPECT_EQ(Quantile(histogram, 1), absl::Seconds(2));
  EXPECT_EQ(Quantile(histogram, 7), absl::Seconds(2));
  EXPECT_EQ(Quantile(histogram, -1), absl::ZeroDuration());
}

TEST(QuantileTest, RangesBelowCountAndEmptyRangesAreSkipped) {
  const DurationHistogram histogram = Of({milliseconds(10), milliseconds(4000)});
  EXPECT_EQ(Quantile(histogram, 0.5), absl::Milliseconds(50));
  EXPECT_EQ(Quantile(histogram, 0.75), absl::Seconds(4));
}

TEST(QuantileTest, BeyondTheLastBoundTheLastBoundIsAllThatIsKnown) {
  EXPECT_EQ(Quantile(Of({std::chrono::minutes(5)}), 0.5), absl::Minutes(1));
}

// ---- What a shard counts -----------------------------------------------------------------------

class ShardHistogramTest : public BufferTest {
 protected:
  double Sum(WayOut way) { return Stats().held_durations[way].sum_seconds; }
  std::uint64_t Count(WayOut way) { return Stats().held_durations[way].Count(); }
};

TEST_F(ShardHistogramTest, ADrainedRequestCountsUntilItsRelease) {
  AsyncRequest first = Fail();
  clock_.Advance(absl::Milliseconds(400));
  AsyncRequest second = Request();
  clock_.Advance(absl::Milliseconds(600));
  EndFailover();
  EXPECT_DOUBLE_EQ(Sum(WayOut::kDrained), 1);
  EXPECT_DOUBLE_EQ(Stats().failover_durations.sum_seconds, 1);
  clock_.Advance(absl::Milliseconds(100));
  first.EndRetry();
  PollAll();
  EXPECT_EQ(Count(WayOut::kDrained), 2u);
  EXPECT_DOUBLE_EQ(Sum(WayOut::kDrained), 1.7);
  second.EndRetry();
}

TEST_F(ShardHistogramTest, AWindowATimeoutAndACancelCountUnderTheirWay) {
  AsyncRequest whole_window = Fail();
  RequestContext context;
  context.timeout = absl::Seconds(4);
  const AsyncRequest times_out = Request(context);
  AsyncRequest cancelled = Request();
  clock_.Advance(absl::Seconds(3));
  EXPECT_TRUE(cancelled.handle().Cancel());
  EXPECT_DOUBLE_EQ(Sum(WayOut::kContextDone), 3);
  Advance(absl::Seconds(1));
  EXPECT_DOUBLE_EQ(Sum(WayOut::kContextDone), 7);
  Advance(absl::Seconds(6));
  EXPECT_DOUBLE_EQ(Sum(WayOut::kWindowExceeded), 10);
  EXPECT_EQ(Count(WayOut::kDrained), 0u);
  whole_window.EndRetry();
}

TEST_F(ShardHistogramTest, ACancellationCountsOnTheSteadyClockToo) {
  BufferOptions options = UnhurriedOptions();
  options.threading = Threading::kManual;
  Create(options);
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  const AsyncRequest request = Fail(context);
  const absl::Time since = *Stats().oldest_held_since;
  cancellation.Cancel();
  PollAll();
  EXPECT_EQ(Count(WayOut::kContextDone), 1u);
  EXPECT_GT(Sum(WayOut::kContextDone), 0);
  EXPECT_LE(Sum(WayOut::kContextDone), absl::ToDoubleSeconds(buffer().Now() - since));
}

TEST_F(ShardHistogramTest, ACancelThatCompletesCountsUntilThen) {
  AsyncRequest request = Fail();
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(request.handle().CancelAndComplete());
  PollAll();
  EXPECT_EQ(request.reason(), BufferErrorReason::kCancelled);
  EXPECT_DOUBLE_EQ(Sum(WayOut::kContextDone), 2);
}

TEST_F(ShardHistogramTest, AnEvictedRequestCountsUntilTheNewerOneCame) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest evicted = Fail();
  clock_.Advance(absl::Seconds(2));
  const AsyncRequest newer = Request();
  EXPECT_DOUBLE_EQ(Sum(WayOut::kBufferFull), 2);
}

TEST_F(ShardHistogramTest, ARequestThatIsHeldAgainCountsFromItsFirstHold) {
  RequestContext context;
  context.may_probe = true;
  AsyncRequest request = Fail(context);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(request.released()) << "it was let go as a probe";
  EXPECT_DOUBLE_EQ(Sum(WayOut::kDrained), 1);
  clock_.Advance(absl::Seconds(1));
  AsyncRequest again(buffer(), shard(),
                     LastAttempt(FailoverError()).After(std::move(request.token())), context);
  ASSERT_TRUE(again.held());
  EXPECT_EQ(buffer().Now() - *Stats().oldest_held_since, absl::Seconds(2));
  EndFailover();
  EXPECT_EQ(Count(WayOut::kDrained), 2u);
  EXPECT_DOUBLE_EQ(Sum(WayOut::kDrained), 3);
  again.EndRetry();
}

TEST_F(ShardHistogramTest, AShardThatIsGoneDrainsItsRequests) {
  const AsyncRequest request = Fail();
  clock_.Advance(absl::Seconds(2));
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  PollAll();
  EXPECT_EQ(request.reason(), BufferErrorReason::kShardMissing);
  EXPECT_DOUBLE_EQ(Sum(WayOut::kDrained), 2);
}

TEST_F(ShardHistogramTest, TheOldestIsTheOneThatCameFirst) {
  EXPECT_FALSE(Stats().oldest_held_since.has_value());
  const absl::Time begin = clock_.Now();
  AsyncRequest first = Fail();
  clock_.Advance(absl::Seconds(1));
  const AsyncRequest second = Request();
  EXPECT_EQ(Stats().oldest_held_since, begin);
  EXPECT_TRUE(first.handle().Cancel());
  EXPECT_EQ(Stats().oldest_held_since, begin + absl::Seconds(1));
}

TEST_F(ShardHistogramTest, TheLastReportIsTheLastThatWasNotLate) {
  shard();
  EXPECT_FALSE(Stats().last_report_at.has_value());
  Report(1, true, 1);
  EXPECT_EQ(Stats().last_report_at, clock_.Now());
  const absl::Time newest = clock_.Now() + absl::Seconds(2);
  clock_.Advance(absl::Seconds(5));
  TabletStats report = PrimaryReport(1, true, 1);
  report.observed_at = newest;
  buffer().StatsUpdate(report);
  const absl::Time last = clock_.Now();
  EXPECT_EQ(Stats().last_report_at, last);
  clock_.Advance(absl::Seconds(1));
  report.observed_at = newest - absl::Seconds(1);
  buffer().StatsUpdate(report);
  EXPECT_EQ(Stats().reports_late, 1u);
  EXPECT_EQ(Stats().last_report_at, last);
}

TEST_F(ShardHistogramTest, NowIsTheTimeOfTheBuffersClock) {
  EXPECT_EQ(buffer().Now(), clock_.Now());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(buffer().Now(), clock_.Now());
}

}  // namespace
}  // namespace failover::test
