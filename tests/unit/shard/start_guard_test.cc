// These tests cover when a failover must not start: too soon after the last failover, or too soon
// after the last reparent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kMinTime = absl::Minutes(1);
constexpr absl::Duration kTick = absl::Nanoseconds(1);

class StartGuardTest : public BufferTest {
 protected:
  std::uint64_t Skipped(SkippedReason reason, std::string_view shard = "0") {
    return At(Stats(shard).requests_skipped, reason);
  }

  // Runs a whole failover that takes no time, for a shard whose primary is not known.
  void FailOver(std::string_view shard = "0") {
    { const AsyncRequest cancelled = FailOn(Shard(shard)); }
    EXPECT_TRUE(buffer().StopBuffering(Shard(shard)));
  }
};

TEST_F(StartGuardTest, TheFirstFailoverHasNothingBeforeIt) {
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(StartGuardTest, TooSoonAfterAFailoverARequestPassesAndIsCounted) {
  FailOver();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(StartGuardTest, JustBeforeTheEndOfTheTimeAfterAFailoverIsTooSoon) {
  FailOver();
  Advance(kMinTime - kTick);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
}

TEST_F(StartGuardTest, ExactlyTheTimeAfterAFailoverIsNotTooSoon) {
  FailOver();
  Advance(kMinTime);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(StartGuardTest, TheTimeCountsFromTheEndOfTheFailover) {
  { const AsyncRequest cancelled = Fail(); }
  Advance(absl::Seconds(5));
  buffer().StopBuffering(shard());
  Advance(kMinTime - kTick);
  EXPECT_TRUE(Fail().passed());
  Advance(kTick);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, JustBeforeTheEndOfTheTimeAfterAReparentIsTooSoon) {
  Report(1, true, 1);
  Report(2, true, 2);
  Advance(kMinTime - kTick);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastReparentTooRecent), 1u);
}

TEST_F(StartGuardTest, ExactlyTheTimeAfterAReparentIsNotTooSoon) {
  Report(1, true, 1);
  Report(2, true, 2);
  Advance(kMinTime);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, TheFirstPrimaryThatIsSeenIsNoReparent) {
  Report(1, true, 1);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, TheSamePrimaryWithANewerTimestampIsNoReparent) {
  Report(1, true, 1);
  Report(1, true, 2);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, IfBothApplyTheFailoverIsTheReason) {
  Report(1, true, 1);
  { const AsyncRequest cancelled = Fail(); }
  Report(2, true, 2);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
  EXPECT_EQ(Skipped(SkippedReason::kLastReparentTooRecent), 0u);
}

TEST_F(StartGuardTest, OnlyTheReparentOfThisShardCounts) {
  Report(1, true, 1, "1");
  Report(2, true, 2, "1");
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, OnlyTheLastFailoverOfThisShardCounts) {
  FailOver("1");
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, RequestsThatWouldNotHaveBeenHeldAreNotCounted) {
  FailOver();
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Sum(Stats().requests_skipped), 0u);
}

TEST_F(StartGuardTest, TheTimeIsAnOption) {
  BufferOptions options = ManualOptions();
  options.min_time_between_failovers = absl::Seconds(40);
  Create(options);
  FailOver();
  Advance(absl::Seconds(40) - kTick);
  EXPECT_TRUE(Fail().passed());
  Advance(kTick);
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(StartGuardTest, DryRunHasTheSameGuards) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  FailOver();
  EXPECT_EQ(Stats().starts, 1u);
  Advance(kMinTime - kTick);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
  EXPECT_EQ(log_.Count("dry run: would not have started buffering"), 1u);
  Advance(kTick);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().starts, 2u);
}

// ---- The log line ------------------------------------------------------------------------------

constexpr char kNotStarting[] = "not starting buffering";

TEST_F(StartGuardTest, ALineTellsTheShardTheGuardTheTimesAndTheCause) {
  FailOver();
  Advance(absl::Seconds(12));
  EXPECT_TRUE(Fail().passed());
  ASSERT_EQ(log_.Count(kNotStarting), 1u);
  const std::string line = log_.LinesWith(kNotStarting).front();
  EXPECT_THAT(line, HasSubstr("shard ks/0"));
  EXPECT_THAT(line, HasSubstr("the last failover was 12.0s ago"));
  EXPECT_THAT(line, HasSubstr("1m"));
  EXPECT_THAT(line, HasSubstr("FAILED_PRECONDITION (errno 1290) (sqlstate HY000)"));
}

TEST_F(StartGuardTest, TheLineOfTheOtherGuardSaysReparent) {
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_TRUE(Fail().passed());
  ASSERT_EQ(log_.Count(kNotStarting), 1u);
  EXPECT_THAT(log_.LinesWith(kNotStarting).front(), HasSubstr("the last reparent was 0.0s ago"));
}

TEST_F(StartGuardTest, AtMostOneLineInFiveSecondsButAllAreCounted) {
  FailOver();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Fail().passed());
  Advance(absl::Seconds(5) - kTick);
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(log_.Count(kNotStarting), 1u);
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 101u);
}

TEST_F(StartGuardTest, AfterExactlyFiveSecondsThereIsANewLine) {
  FailOver();
  EXPECT_TRUE(Fail().passed());
  Advance(absl::Seconds(5));
  EXPECT_TRUE(Fail().passed());
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(log_.Count(kNotStarting), 2u);
}

TEST_F(StartGuardTest, EachShardHasItsOwnLines) {
  FailOver("0");
  FailOver("1");
  EXPECT_TRUE(FailOn(Shard("0")).passed());
  EXPECT_TRUE(FailOn(Shard("1")).passed());
  EXPECT_EQ(log_.Count(kNotStarting), 2u);
}

}  // namespace
}  // namespace failover::test
