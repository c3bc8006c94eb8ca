// These tests cover the time of evidence: reports that are late, that claim to come from the
// future, and that have no stamp (docs/design.md, "Time of evidence").
#include <gtest/gtest.h>

#include <cstdint>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

constexpr char kFuture[] = "observed later than now";

class ReportTimeTest : public EvidenceTest {
 protected:
  void SetUp() override { Advance(absl::Minutes(10)); }
};

TEST_F(ReportTimeTest, ALateDownIsDroppedAndCounted) {
  HearObserved(1, true, 100, absl::ZeroDuration());
  HearObserved(1, false, 100, absl::Milliseconds(1));
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().reports_late, 1u);
}

TEST_F(ReportTimeTest, ALateServingReportEndsNothing) {
  HearObserved(1, true, 100, absl::Seconds(5));
  HearObserved(1, false, 100, absl::Seconds(1));
  const AsyncRequest request = Request();
  ASSERT_TRUE(request.held());
  HearObserved(1, true, 100, absl::Seconds(2));
  EXPECT_FALSE(request.done());
  EXPECT_EQ(Stats().reports_late, 1u);
}

TEST_F(ReportTimeTest, ALateReportWithANewerTermEndsNothing) {
  HearObserved(1, true, 100, absl::Seconds(5));
  HearObserved(1, false, 100, absl::Seconds(1));
  const AsyncRequest request = Request();
  HearObserved(1, true, 101, absl::Seconds(2));
  EXPECT_FALSE(request.done());
}

TEST_F(ReportTimeTest, AReportOfTheSameMomentIsNotLate) {
  HearObserved(1, true, 100, absl::Seconds(1));
  HearObserved(1, false, 100, absl::Seconds(1));
  EXPECT_TRUE(Request().held());
  EXPECT_EQ(Stats().reports_late, 0u);
}

TEST_F(ReportTimeTest, EachServerHasItsOwnOrder) {
  HearObserved(1, true, 100, absl::ZeroDuration());
  HearObserved(2, true, 101, absl::Seconds(1));
  EXPECT_EQ(Stats().reports_late, 0u);
  HearObserved(2, false, 101, absl::ZeroDuration());
  EXPECT_TRUE(Request().held()) << "server 2 is the primary";
}

TEST_F(ReportTimeTest, EachShardHasItsOwnOrder) {
  HearObserved(1, true, 100, absl::ZeroDuration());
  TabletStats other = PrimaryReport(1, true, 100, "1");
  other.observed_at = clock_.Now() - absl::Seconds(1);
  buffer().StatsUpdate(other);
  EXPECT_EQ(Stats("1").reports_late, 0u);
}

TEST_F(ReportTimeTest, EightServersAreRemembered) {
  for (std::uint32_t uid = 1; uid <= 8; ++uid) {
    Advance(absl::Seconds(1));
    HearObserved(uid, false, 100, absl::ZeroDuration());
  }
  for (std::uint32_t uid = 1; uid <= 8; ++uid) {
    HearObserved(uid, false, 100, absl::Minutes(1));
    EXPECT_EQ(Stats().reports_late, uid);
  }
}

TEST_F(ReportTimeTest, ReportsWithoutAStampCountInTheOrderInWhichTheyCome) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  AsyncRequest request = Request();
  Hear(1, true, 100);
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Stats().reports_late, 0u);
}

TEST_F(ReportTimeTest, AStampBeforeADownWithoutAStampIsLate) {
  Hear(1, true, 100);
  Hear(1, false, 100);
  AsyncRequest request = Request();
  HearObserved(1, true, 100, absl::Milliseconds(1));
  EXPECT_FALSE(request.done());
  EXPECT_EQ(Stats().reports_late, 1u);
}

TEST_F(ReportTimeTest, AStampFromTheFutureIsIgnoredAndLoggedOnce) {
  Hear(1, true, 100);
  AsyncRequest request = Fail();
  HearObserved(1, true, 100, -absl::Seconds(10));
  HearObserved(1, true, 100, -absl::Seconds(20));
  EXPECT_FALSE(request.done()) << "the reports count as observed before the hold";
  EXPECT_EQ(log_.Count(kFuture), 1u);
  HearObserved(1, true, 100, absl::ZeroDuration());
  EXPECT_EQ(Stats().reports_late, 0u) << "the future is not the newest that was observed";
}

TEST_F(ReportTimeTest, AStampOfNowIsNoFuture) {
  HearObserved(1, true, 100, absl::ZeroDuration());
  EXPECT_EQ(log_.Count(kFuture), 0u);
}

TEST_F(ReportTimeTest, ADownFromTheFutureIsADown) {
  Hear(1, true, 100);
  HearObserved(1, false, 100, -absl::Seconds(10));
  EXPECT_TRUE(Request().held());
}

}  // namespace
}  // namespace failover::test
