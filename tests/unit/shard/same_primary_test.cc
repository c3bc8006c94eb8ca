// These tests cover a failover that ends because the same primary serves again. The primary must
// have been seen as not serving: either since the failover began, or in the last report before it.
#include <gtest/gtest.h>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class SamePrimaryTest : public BufferTest {
 protected:
  void ExpectEnded(AsyncRequest& request) {
    PollAll();
    ASSERT_TRUE(request.released());
    EXPECT_EQ(request.released_by(), StopReason::kPrimaryServingAgain);
    EXPECT_EQ(At(Stats().stops, StopReason::kPrimaryServingAgain), 1u);
  }
  void ExpectBuffering() {
    PollAll();
    EXPECT_EQ(Stats().state, State::kBuffering);
  }
};

TEST_F(SamePrimaryTest, NotServingThenServingEndsIt) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(1, false, 100);
  Report(1, true, 100);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ItWorksWithoutTimestamps) {
  Report(1, true, 0);
  AsyncRequest request = Fail();
  Report(1, false, 0);
  Report(1, true, 0);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ItWorksWithANegativeTimestamp) {
  Report(1, true, -5);
  AsyncRequest request = Fail();
  Report(1, false, -5);
  Report(1, true, -5);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ItWorksForAPrimaryThatWasNeverSeenServing) {
  AsyncRequest request = Fail();
  Report(1, false, 0);
  Report(1, true, 0);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, NotUpCountsAsNotServing) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  TabletStats lost = PrimaryReport(1, true, 100);
  lost.up = false;
  buffer().StatsUpdate(lost);
  Report(1, true, 100);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ANotServingReportBeforeTheStartCountsIfItIsTheLatest) {
  Report(1, true, 100);
  Report(1, false, 100);
  AsyncRequest request = Fail();
  Report(1, true, 100);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ATimestampThatWentBackDoesNotMatter) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(1, false, 0);
  Report(1, true, 7);
  ExpectEnded(request);
}

TEST_F(SamePrimaryTest, ServingAloneDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(1, true, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, AnEarlierOutageThatIsOverDoesNotCount) {
  Report(1, true, 100);
  Report(1, false, 100);
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(1, true, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, NotServingAloneDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(1, false, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, AnotherTabletsOutageDoesNotCount) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(2, false, 100);
  Report(1, true, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, AnotherTabletThatServesDoesNotEndIt) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(1, false, 100);
  Report(2, true, 99);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, TheSameNumberInAnotherCellIsAnotherTablet) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(1, false, 100);
  TabletStats other_cell = PrimaryReport(1, true, 99);
  other_cell.alias.cell = "zone2";
  buffer().StatsUpdate(other_cell);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, AFormerPrimaryThatComesBackDoesNotEndIt) {
  Report(1, true, 100);
  Report(2, true, 101);
  AdvanceBeyondGuards();
  const AsyncRequest request = Fail();
  Report(1, false, 100);
  Report(1, true, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, AReplicasOutageDoesNotCount) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  TabletStats replica = PrimaryReport(1, false, 100);
  replica.target.tablet_type = TabletType::kReplica;
  buffer().StatsUpdate(replica);
  Report(1, true, 100);
  ExpectBuffering();
}

TEST_F(SamePrimaryTest, WithANewerTimestampItIsANewPrimary) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Report(1, false, 100);
  Report(1, true, 101);
  PollAll();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kNewPrimarySeen);
}

TEST_F(SamePrimaryTest, TheNextFailoverNeedsItsOwnOutage) {
  Report(1, true, 100);
  {
    AsyncRequest request = Fail();
    Report(1, false, 100);
    Report(1, true, 100);
    ExpectEnded(request);
  }
  AdvanceBeyondGuards();
  const AsyncRequest request = Fail();
  ASSERT_TRUE(request.held());
  Report(1, true, 100);
  ExpectBuffering();
}

}  // namespace
}  // namespace failover::test
