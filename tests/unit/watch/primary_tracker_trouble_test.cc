// Checks that tell nothing, because the trouble is the monitor's own. "Unknown" is neither yes nor
// no.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Trouble {
  Seen seen;
  const char* text;
};

class MonitorsTroubleTest : public PrimaryTrackerTest, public testing::WithParamInterface<Trouble> {
 protected:
  Observation trouble() const { return {GetParam().seen, false, "1234 why"}; }
};

TEST_P(MonitorsTroubleTest, LeavesTheLastReportOfThePrimaryStanding) {
  StartWithA();
  const absl::Time asked = clock_;
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_FALSE(checks_others_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr(absl::StrCat(
                        "zone1-0 (db0:3306) ", GetParam().text,
                        ": 1234 why. This does not tell whether the server takes writes"))));
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty()) << "it warns once";
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("1 replica+"));
  EXPECT_EQ(stamps_[kA], asked);

  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  EXPECT_EQ(stamps_[kA], clock_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) takes writes")));
  EXPECT_FALSE(checks_others_);
}

TEST_P(MonitorsTroubleTest, LeavesAPrimaryThatDoesNotServeAsItIs) {
  StartWithA();
  Poll(kA, Seen::kReadOnly);
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  // A was seen not to take writes, so rule 3 holds.
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_P(MonitorsTroubleTest, WithAReplicaChangesNothing) {
  StartWithA();
  Poll(kB, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  Poll(kA, Seen::kUnreachable);
  Poll(kB, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+")) << "the promotion is seen nevertheless";
}

// A may still take writes: nobody can tell. So nobody serves until A can be asked.
TEST_P(MonitorsTroubleTest, WithThePrimaryMakesAPromotedServerARival) {
  StartWithA();
  Poll(kA, trouble());
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 ?", "0 primary"));
  EXPECT_TRUE(checks_others_);
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("none is trusted until only one does: zone1-0 (db0:3306),"
                                          " as far as is known, zone1-1 (db1:3306)")));
  for (int i = 0; i < 10; ++i) {
    Poll(kA, trouble());
    Poll(kB, Seen::kWritable);
    EXPECT_THAT(reports_, ElementsAre("1 ?"));
    EXPECT_THAT(log_, IsEmpty());
  }
}

TEST_P(MonitorsTroubleTest, EndsWhenTheOldPrimaryIsReadOnly) {
  StartWithA();
  Poll(kA, trouble());
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_P(MonitorsTroubleTest, EndsWhenTheOldPrimaryCannotBeReached) {
  StartWithA();
  Poll(kA, trouble());
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_P(MonitorsTroubleTest, ThatEndsWithTheOldPrimaryTakingWritesIsASplitBrain) {
  StartWithA();
  Poll(kA, trouble());
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary"));
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary+"));
}

// The rival came and went, and A cannot tell whether it was demoted meanwhile.
TEST_P(MonitorsTroubleTest, DoesNotRestoreThePrimaryWhenTheRivalIsGone) {
  StartWithA();
  Poll(kA, trouble());
  Poll(kB, Seen::kWritable);
  Poll(kB, Seen::kUnreachable);
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
}

TEST_P(MonitorsTroubleTest, WithARivalKeepsTheRivalInMind) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kB, trouble());
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary"));
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary+"));
}

TEST_P(MonitorsTroubleTest, AtTheStartWithThePrimaryLeavesTheShardWithoutOne) {
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  Poll(kC, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("2 replica+"));
  EXPECT_THAT(log_, Contains(HasSubstr("there is no primary")));
  Poll(kA, trouble());
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
}

TEST_P(MonitorsTroubleTest, AtTheStartWithAReplicaDoesNotHideThePrimary) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kReadOnly);
  Poll(kC, trouble());
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  Poll(kC, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("2 replica+"));
}

// C was never seen when A was elected. So A may be an old primary, and C the true one.
TEST_P(MonitorsTroubleTest, AtTheStartWithAServerThatTakesWritesTurnsIntoASplitBrain) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kReadOnly);
  Poll(kC, trouble());
  ASSERT_THAT(reports_, ElementsAre("0 primary+"));
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("2 ?", "0 primary"));
  EXPECT_TRUE(checks_others_);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary"));

  // A may still take writes where nobody can see it.
  Poll(kA, Seen::kUnreachable);
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("2 ?"));
  Poll(kA, Seen::kReadOnly);
  Poll(kC, Seen::kWritable);
  EXPECT_EQ(Short(primary_), "2 primary+");
}

TEST_P(MonitorsTroubleTest, AtTheStartDoesNotCountAfterAFailover) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kReadOnly);
  Poll(kC, trouble());
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  ASSERT_EQ(Short(primary_), "1 primary+");
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("2 ?")) << "B was promoted, so C is the old one";
}

INSTANTIATE_TEST_SUITE_P(
    EachKind, MonitorsTroubleTest,
    testing::Values(Trouble{Seen::kRefused, "refuses the monitor"},
                    Trouble{Seen::kFull, "has no connection left for the monitor"},
                    Trouble{Seen::kUnknown, "could not be asked"}),
    [](const auto& trouble) { return absl::StrCat("Seen", static_cast<int>(trouble.param.seen)); });

TEST_F(PrimaryTrackerTest, AnotherTroubleIsLoggedAgain) {
  StartWithA();
  Poll(kA, Seen::kFull);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("has no connection left")));
  Poll(kA, Seen::kRefused);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("refuses the monitor")));
  Poll(kA, Seen::kRefused);
  EXPECT_THAT(log_, IsEmpty());
}

}  // namespace
}  // namespace failover::watch::internal
