// These tests cover the dry run: failovers are detected and counted, but no request is held.
#include <gtest/gtest.h>

#include <string>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class DryRunTest : public BufferTest {
 protected:
  DryRunTest() {
    BufferOptions options = ManualOptions();
    options.enabled = false;
    options.dry_run = true;
    Create(options);
  }
  // Creates a Buffer that holds requests for what the list names, and only counts for the rest.
  void CreateWithList(const std::string& keyspace_shards) {
    BufferOptions options = ManualOptions();
    options.dry_run = true;
    options.keyspace_shards = keyspace_shards;
    Create(options);
  }
};

TEST_F(DryRunTest, RequestsPassAndAreCounted) {
  EXPECT_TRUE(Fail().passed());
  EXPECT_TRUE(Request().passed());
  const ShardStats stats = Stats();
  EXPECT_EQ(stats.state, State::kBuffering);
  EXPECT_EQ(stats.starts, 1u);
  EXPECT_EQ(stats.requests_buffered_dry_run, 2u);
  EXPECT_EQ(stats.last_requests_dry_run_max, 2u);
}

TEST_F(DryRunTest, NothingIsHeld) {
  EXPECT_TRUE(Fail().passed());
  const ShardStats stats = Stats();
  EXPECT_EQ(stats.requests_held, 0u);
  EXPECT_EQ(stats.requests_buffered, 0u);
  EXPECT_EQ(stats.last_requests_in_flight_max, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
}

TEST_F(DryRunTest, ABlockingCallDoesNotBlock) {
  absl::StatusOr<RetryDoneFunc> done = buffer().WaitForFailoverEnd({}, shard(), FailoverError());
  ASSERT_TRUE(done.ok());
  EXPECT_FALSE(*done);
}

TEST_F(DryRunTest, UnrelatedErrorsAreNotCounted) {
  EXPECT_TRUE(Fail().passed());
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Stats().requests_buffered_dry_run, 1u);
}

TEST_F(DryRunTest, AFailoverEndsAsEverAndTheUtilisationIsCounted) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Fail().passed());
  clock_.Advance(absl::Seconds(4));
  EndFailover();
  const ShardStats stats = Stats();
  EXPECT_EQ(stats.state, State::kIdle);
  EXPECT_EQ(At(stats.stops, StopReason::kNewPrimarySeen), 1u);
  EXPECT_EQ(stats.utilization_dry_run_sum, 30u);
  EXPECT_EQ(stats.utilization_sum, 0u);
  EXPECT_EQ(stats.last_failover_duration, absl::Seconds(4));
  EXPECT_EQ(stats.requests_drained, 0u);
}

TEST_F(DryRunTest, ItEndsAfterTheLongestDuration) {
  EXPECT_TRUE(Fail().passed());
  Advance(absl::Seconds(20));
  EXPECT_EQ(At(Stats().stops, StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(DryRunTest, MoreThanTheSizeIsMoreThanAHundredPercent) {
  for (int i = 0; i < 25; ++i) EXPECT_TRUE(Fail().passed());
  EndFailover();
  EXPECT_EQ(Stats().utilization_dry_run_sum, 250u);
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
  EXPECT_EQ(Sum(Stats().requests_evicted), 0u);
}

TEST_F(DryRunTest, ThePeakBeginsAnewWithEachFailover) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Fail().passed());
  EndFailover();
  EXPECT_EQ(Stats().last_requests_dry_run_max, 3u);
  AdvanceBeyondGuards();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().last_requests_dry_run_max, 1u);
  EXPECT_EQ(Stats().requests_buffered_dry_run, 4u);
}

TEST_F(DryRunTest, ATimeoutThatIsOverPasses) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  EXPECT_TRUE(Fail(context).passed());
}

TEST_F(DryRunTest, MoreBytesThanTheLimitPass) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  options.max_bytes = 1;
  Create(options);
  RequestContext context;
  context.bytes = 2;
  EXPECT_TRUE(Fail(context).passed());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(DryRunTest, AnOperatorCanStartAndStopIt) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().requests_buffered_dry_run, 1u);
  EXPECT_TRUE(buffer().StopBuffering(shard()));
}

TEST_F(DryRunTest, TheLinesSayWould) {
  EXPECT_TRUE(Fail().passed());
  EndFailover();
  EXPECT_EQ(log_.Count("dry run: would have started buffering"), 1u);
  EXPECT_EQ(log_.Count("dry run: would have stopped buffering"), 1u);
  EXPECT_EQ(log_.Count(": starting buffering"), 0u);
  EXPECT_EQ(log_.Count(": stopping buffering"), 0u);
}

// ---- A dry run together with a list -------------------------------------------------------------

TEST_F(DryRunTest, AListedKeyspaceReallyBuffers) {
  CreateWithList("ks");
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Stats().requests_buffered_dry_run, 0u);
}

TEST_F(DryRunTest, AListedShardReallyBuffersTheOthersRunDry) {
  CreateWithList("ks/0");
  const AsyncRequest listed = FailOn(Shard("0"));
  EXPECT_TRUE(listed.held());
  EXPECT_TRUE(FailOn(Shard("1")).passed());
  EXPECT_EQ(Stats("1").requests_buffered_dry_run, 1u);
}

}  // namespace
}  // namespace failover::test
