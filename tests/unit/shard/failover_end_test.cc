// These tests cover what ends a failover (newer timestamps, time, an operator, shutdown) and what
// does not.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kTick = absl::Nanoseconds(1);

class FailoverEndTest : public BufferTest {
 protected:
  bool Buffering() { return Stats().state == State::kBuffering; }
  std::uint64_t Stops(StopReason reason) { return At(Stats().stops, reason); }

  // Expects that the request was released because of `reason`, and that no failover has stopped for
  // any other reason so far.
  void ExpectReleased(AsyncRequest& request, StopReason reason) {
    PollAll();
    ASSERT_TRUE(request.released());
    EXPECT_EQ(request.released_by(), reason);
    EXPECT_EQ(Stops(reason), 1u);
    EXPECT_EQ(Sum(Stats().stops), 1u);
  }
};

// ---- Newer timestamps end a failover -----------------------------------------------------------

TEST_F(FailoverEndTest, AnotherPrimaryWithANewerTimestampEndsIt) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(2, true, 101);
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(FailoverEndTest, TheFirstTimestampEverEndsIt) {
  AsyncRequest request = Fail();
  Report(1, true, 1);
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(FailoverEndTest, TheSamePrimaryWithANewerTimestampEndsIt) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(1, true, 101);
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(FailoverEndTest, TheGreatestTimestampEndsIt) {
  constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
  Report(1, true, kGreatest - 1);
  AsyncRequest request = Fail();
  Report(2, true, kGreatest);
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(FailoverEndTest, AnEqualTimestampDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(2, true, 100);
  Report(1, true, 100);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, AnOlderTimestampDoesNotEndIt) {
  Report(2, true, 100);
  const AsyncRequest request = Fail();
  Report(1, true, 99);
  Report(2, true, 99);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, AnOlderTimestampIsNotRemembered) {
  Report(1, true, 100);
  Report(1, true, 50);
  const AsyncRequest request = Fail();
  Report(2, true, 75);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, NoTimestampDoesNotEndIt) {
  const AsyncRequest request = Fail();
  Report(1, true, 0);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, APrimaryThatDoesNotServeDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(2, false, 101);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, APrimaryThatIsNotUpDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  TabletStats lost = PrimaryReport(2, true, 101);
  lost.up = false;
  buffer().StatsUpdate(lost);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, ATimestampOfOneThatDidNotServeIsNewOnceItServes) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(2, false, 101);
  Report(2, true, 101);
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(FailoverEndTest, OtherTabletTypesDoNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  for (const TabletType type : {TabletType::kReplica, TabletType::kRdonly, TabletType::kUnknown}) {
    TabletStats stats = PrimaryReport(2, true, 101);
    stats.target.tablet_type = type;
    buffer().StatsUpdate(stats);
  }
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, AReportOfAnotherShardOrKeyspaceDoesNotEndIt) {
  const AsyncRequest request = Fail();
  Report(2, true, 101, "1");
  TabletStats elsewhere = PrimaryReport(2, true, 101);
  elsewhere.target.keyspace = "other";
  buffer().StatsUpdate(elsewhere);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, ReportsMayComeThroughTheListenersInterface) {
  AsyncRequest request = Fail();
  HealthCheckStatsListener& listener = buffer();
  listener.StatsUpdate(PrimaryReport(1, true, 1));
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

// ---- Time ends a failover ----------------------------------------------------------------------

TEST_F(FailoverEndTest, JustBeforeTheLongestDurationItGoesOn) {
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(20) - kTick);
  EXPECT_TRUE(Buffering());
}

TEST_F(FailoverEndTest, ExactlyAfterTheLongestDurationItEnds) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(15));
  AsyncRequest request = Request();
  Advance(absl::Seconds(5));
  ExpectReleased(request, StopReason::kMaxDurationExceeded);
}

TEST_F(FailoverEndTest, TheLongestDurationCountsFromTheStart) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(19));
  const AsyncRequest second = Request();
  Advance(absl::Seconds(1));
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(FailoverEndTest, TheLongestDurationEndsItEvenIfNobodyIsHeld) {
  { const AsyncRequest cancelled = Fail(); }
  Advance(absl::Seconds(20));
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(FailoverEndTest, ALateRequestWhoseWindowEndsWithTheFailoverIsReleasedByItsWindow) {
  const AsyncRequest first = Fail();
  Advance(absl::Seconds(10));
  AsyncRequest last = Request();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(last.released());
  EXPECT_EQ(last.released_by(), std::nullopt);
  EXPECT_EQ(Stops(StopReason::kMaxDurationExceeded), 1u);
}

TEST_F(FailoverEndTest, TheLongestDurationIsAnOption) {
  BufferOptions options = ManualOptions();
  options.window = absl::Seconds(3);
  options.max_failover_duration = absl::Seconds(7);
  Create(options);
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(7) - kTick);
  EXPECT_TRUE(Buffering());
  Advance(kTick);
  EXPECT_FALSE(Buffering());
}

// ---- An operator or a shutdown ends a failover -------------------------------------------------

TEST_F(FailoverEndTest, AnOperatorEndsIt) {
  AsyncRequest request = Fail();
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  ExpectReleased(request, StopReason::kManual);
}

TEST_F(FailoverEndTest, ShutdownEndsIt) {
  AsyncRequest request = Fail();
  buffer().Shutdown();
  ExpectReleased(request, StopReason::kShutdown);
}

// ---- An end for which there is no failover ------------------------------------------------------

TEST_F(FailoverEndTest, NothingEndsAnIdleShard) {
  Report(1, true, 1);
  Report(2, true, 2);
  EXPECT_FALSE(buffer().StopBuffering(shard()));
  Advance(absl::Hours(1));
  EXPECT_EQ(Sum(Stats().stops), 0u);
}

TEST_F(FailoverEndTest, ASecondEndIsNotCountedAndDoesNotChangeTheReason) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  Report(1, true, 1);
  PollAll();
  Report(2, true, 2);
  EXPECT_FALSE(buffer().StopBuffering(shard()));
  first.EndRetry();
  ExpectReleased(second, StopReason::kNewPrimarySeen);
}

}  // namespace
}  // namespace failover::test
