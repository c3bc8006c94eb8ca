// One server takes writes, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(PrimaryTrackerTest, NoPrimaryBeforeAllServersWerePolled) {
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?"));
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+"));
  Poll(kC, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("2 ?!", "0 primary+"));
  EXPECT_EQ(primary_.target.keyspace, "commerce");
  EXPECT_EQ(primary_.target.shard, "0");
  EXPECT_EQ(primary_.alias.cell, "zone1");
  EXPECT_EQ(timestamp(), absl::ToUnixMicros(now_));
  EXPECT_THAT(log_, ElementsAre("test monitor, shard commerce/0: zone1-2 (db2:3306) cannot be "
                                "reached",
                                "test monitor, shard commerce/0: zone1-0 (db0:3306) is the "
                                "primary"));
}

TEST_F(PrimaryTrackerTest, EachPollIsReportedButOnlyAChangeIsLogged) {
  StartWithA();
  for (int i = 0; i < 10; ++i) {
    Poll(kA, Seen::kWritable);
    EXPECT_THAT(reports_, ElementsAre("0 primary+"));
    EXPECT_THAT(log_, IsEmpty());
    EXPECT_FALSE(checks_others_);
    Poll(kB, Seen::kReadOnly);
    EXPECT_THAT(reports_, ElementsAre("1 replica+"));
    EXPECT_THAT(log_, IsEmpty());
    Poll(kC, Seen::kUnreachable);
    EXPECT_THAT(reports_, ElementsAre("2 replica!"));
    EXPECT_EQ(log_.empty(), i > 0);
  }
}

TEST_F(PrimaryTrackerTest, PlannedSwitchover) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("0 primary"));
  EXPECT_EQ(primary_.last_error, "is read-only");
  EXPECT_TRUE(checks_others_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) is read-only"),
                                HasSubstr("there is no primary: zone1-0 (db0:3306) is read-only")));
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());

  now_ += absl::Milliseconds(50);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+")) << "the old one's end comes first";
  EXPECT_EQ(timestamp(), before + 50'000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes"),
                                HasSubstr("zone1-1 (db1:3306) is the primary now, after zone1-0")));
}

TEST_F(PrimaryTrackerTest, PrimaryThatReturnsKeepsItsTimestamp) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("0 primary!"));
  now_ += absl::Seconds(5);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
  EXPECT_EQ(timestamp(), before);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("takes writes"), HasSubstr("is the primary again")));
}

TEST_F(PrimaryTrackerTest, TimestampGrowsWithEachSwitchWithinAMicrosecond) {
  StartWithA();
  const std::int64_t first = timestamp();
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  const std::int64_t second = timestamp();
  EXPECT_GT(second, first);
  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  EXPECT_GT(timestamp(), second);
}

TEST_F(PrimaryTrackerTest, TimestampGrowsEvenIfTheWallClockIsSetBack) {
  StartWithA();
  const std::int64_t before = timestamp();
  now_ -= absl::Hours(1);
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  EXPECT_GT(timestamp(), before);
}

// The configuration of the server does not make it read-only. So the server takes writes from its
// start until somebody makes it a replica.
TEST_F(PrimaryTrackerTest, CrashedPrimaryThatReturnsTakingWritesIsNotTrusted) {
  StartWithA();
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));

  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?")) << "and B serves as before";
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) takes writes"),
                                HasSubstr("it is not trusted as the primary")));
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(log_, IsEmpty());

  // A must not become the primary when B is lost: A lacks all that was written to B.
  Poll(kB, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("1 primary!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());

  // C was promoted, so C is trusted.
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "2 primary+"));
}

TEST_F(PrimaryTrackerTest, CrashedPrimaryThatReturnsAsAReplicaMayBePromotedAgain) {
  StartWithA();
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("0 replica+"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) is read-only")));

  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary+"));
}

TEST_F(PrimaryTrackerTest, ServerThatWasNeverReadOnlyIsNotTrusted) {
  Poll(kB, Seen::kUnreachable);
  Poll(kC, Seen::kUnreachable);
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 ?"));
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("0 primary!"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
}

// The failure of the network that hides the primary may also hide the replica for a moment.
TEST_F(PrimaryTrackerTest, PromotionOfAServerThatWasOutOfSightIsSeen) {
  StartWithA();
  Poll(kA, Seen::kHung);
  Poll(kB, Seen::kHung);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, NoServerTakesWritesAtTheStart) {
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kReadOnly);
  Poll(kC, Seen::kRefused);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) refuses the monitor"),
                                HasSubstr("there is no primary")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 primary+"));
}

TEST_F(PrimaryTrackerTest, LostReplicaIsReportedAsALostReplica) {
  StartWithA();
  Poll(kB, Observation{Seen::kUnreachable, false, "2002 Can't connect"});
  EXPECT_THAT(changes_, ElementsAre("1 replica!"));
  EXPECT_EQ(last_report_.last_error, "2002 Can't connect");
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) cannot be reached: 2002 Can't "
                                          "connect")));
  Poll(kB, Observation{Seen::kUnreachable, false, "2013 Lost connection"});
  EXPECT_THAT(log_, IsEmpty()) << "the same with other words";
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+"));
}

struct Loss {
  Seen seen;
  bool up;
  const char* text;
};

class LostPrimaryTest : public PrimaryTrackerTest, public testing::WithParamInterface<Loss> {};

TEST_P(LostPrimaryTest, IsReportedOnceAndReplacedByAPromotedServer) {
  StartWithA();
  Poll(kA, Observation{GetParam().seen, false, "1234 why"});
  EXPECT_THAT(changes_, ElementsAre(GetParam().up ? "0 primary" : "0 primary!"));
  EXPECT_EQ(primary_.last_error, absl::StrCat(GetParam().text, ": 1234 why"));
  EXPECT_TRUE(checks_others_);
  Poll(kA, Observation{GetParam().seen, false, "1234 why"});
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, IsEmpty());
  Poll(kB, Seen::kWritable);
  EXPECT_EQ(Short(primary_), "1 primary+");
}

INSTANTIATE_TEST_SUITE_P(EachWay, LostPrimaryTest,
                         testing::Values(Loss{Seen::kNotReady, true, "is not ready"},
                                         Loss{Seen::kUnreachable, false, "cannot be reached"},
                                         Loss{Seen::kHung, false, "does not answer"}),
                         [](const auto& loss) {
                           return absl::StrCat("Seen", static_cast<int>(loss.param.seen));
                         });

class SingleServerTest : public PrimaryTrackerTest {
 protected:
  SingleServerTest() : PrimaryTrackerTest(1) {}
};

TEST_F(SingleServerTest, IsThePrimaryWheneverItTakesWrites) {
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
  Poll(kA, Seen::kHung);
  EXPECT_THAT(changes_, ElementsAre("0 primary!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
}

}  // namespace
}  // namespace failover::watch::internal
