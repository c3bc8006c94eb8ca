#include "mysql/primary_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace failover::mysql::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kA = 0;
constexpr std::size_t kB = 1;
constexpr std::size_t kC = 2;

std::vector<PrimaryTracker::Name> Names(std::size_t count) {
  std::vector<PrimaryTracker::Name> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back({{"zone1", static_cast<std::uint32_t>(i)}, absl::StrCat("db", i, ":3306")});
  }
  return names;
}

// A report in short: the server's index, what it is, "+" if it serves, "!" if it is not up.
std::string Short(const TabletStats& stats) {
  const char* type = "?";
  if (stats.target.tablet_type == TabletType::kPrimary) type = "primary";
  if (stats.target.tablet_type == TabletType::kReplica) type = "replica";
  return absl::StrCat(stats.alias.uid, " ", type, stats.serving ? "+" : "", stats.up ? "" : "!");
}

class PrimaryTrackerTest : public testing::Test {
 protected:
  explicit PrimaryTrackerTest(std::size_t servers = 3)
      : tracker_("commerce", "0", Names(servers)) {}

  // Polls one server; what follows is in reports_ and log_, and nothing older.
  void Poll(std::size_t server, Observation observation) {
    tracker_.PollStarted(server);
    EndPoll(server, std::move(observation));
  }
  void Poll(std::size_t server, Seen seen) { Poll(server, Observation{seen, false, ""}); }
  void EndPoll(std::size_t server, Observation observation) {
    Findings findings = tracker_.PollEnded(server, std::move(observation), now_);
    reports_.clear();
    for (const TabletStats& stats : findings.reports) {
      reports_.push_back(Short(stats));
      if (stats.target.tablet_type == TabletType::kPrimary) primary_ = stats;
      last_report_ = stats;
    }
    log_.clear();
    for (const LogLine& line : findings.log) log_.push_back(line.text);
    polls_others_ = findings.poll_others;
  }
  void EndPoll(std::size_t server, Seen seen) { EndPoll(server, Observation{seen, false, ""}); }

  // A is the primary, the others are replicas.
  void StartWithA() {
    Poll(kB, Seen::kReadOnly);
    Poll(kC, Seen::kReadOnly);
    Poll(kA, Seen::kWritable);
    ASSERT_THAT(reports_, ElementsAre("0 primary+"));
  }

  std::int64_t timestamp() const { return primary_.tablet_externally_reparented_timestamp; }

  PrimaryTracker tracker_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::vector<std::string> reports_;
  std::vector<std::string> log_;
  bool polls_others_ = false;
  // The last report of a primary, and of any server.
  TabletStats primary_;
  TabletStats last_report_;
};

TEST_F(PrimaryTrackerTest, NoPrimaryBeforeAllServersWerePolled) {
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?"));
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("1 replica+"));
  Poll(kC, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("2 ?!", "0 primary+"));
  EXPECT_EQ(primary_.target.keyspace, "commerce");
  EXPECT_EQ(primary_.target.shard, "0");
  EXPECT_EQ(primary_.alias.cell, "zone1");
  EXPECT_EQ(timestamp(), absl::ToUnixMicros(now_));
  EXPECT_THAT(log_, ElementsAre("mysql monitor, shard commerce/0: zone1-2 (db2:3306) cannot be "
                                "reached",
                                "mysql monitor, shard commerce/0: zone1-0 (db0:3306) is the "
                                "primary"));
}

TEST_F(PrimaryTrackerTest, NothingNewIsNeitherReportedNorLogged) {
  StartWithA();
  for (int i = 0; i < 10; ++i) {
    Poll(kA, Seen::kWritable);
    EXPECT_THAT(reports_, IsEmpty());
    EXPECT_THAT(log_, IsEmpty());
    EXPECT_FALSE(polls_others_);
    Poll(kB, Seen::kReadOnly);
    EXPECT_THAT(reports_, IsEmpty());
    EXPECT_THAT(log_, IsEmpty());
  }
}

TEST_F(PrimaryTrackerTest, PlannedSwitchover) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("0 primary"));
  EXPECT_EQ(primary_.last_error, "is read-only");
  EXPECT_TRUE(polls_others_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) is read-only"),
                                HasSubstr("there is no primary: zone1-0 (db0:3306) is read-only")));
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());

  now_ += absl::Milliseconds(50);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 replica+", "1 primary+")) << "the old one's end comes first";
  EXPECT_EQ(timestamp(), before + 50'000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes"),
                                HasSubstr("zone1-1 (db1:3306) is the primary now, after zone1-0")));
}

TEST_F(PrimaryTrackerTest, PrimaryThatReturnsKeepsItsTimestamp) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("0 primary!"));
  now_ += absl::Seconds(5);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
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

// Its configuration does not say read_only: it takes writes from its start until somebody makes it
// a replica.
TEST_F(PrimaryTrackerTest, CrashedPrimaryThatReturnsTakingWritesIsNotTrusted) {
  StartWithA();
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!", "1 primary+"));

  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?")) << "and B serves as before";
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) takes writes"),
                                HasSubstr("it is not trusted as the primary")));
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(log_, IsEmpty());

  // Least of all when the new primary is lost: it lacks all that was written since.
  Poll(kB, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("1 primary!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());

  // C was promoted; that counts.
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 replica+", "2 primary+"));
}

TEST_F(PrimaryTrackerTest, CrashedPrimaryThatReturnsAsAReplicaMayBePromotedAgain) {
  StartWithA();
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("0 replica+"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) is read-only")));

  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 replica+", "0 primary+"));
}

TEST_F(PrimaryTrackerTest, ServerThatWasNeverReadOnlyIsNotTrusted) {
  Poll(kB, Seen::kUnreachable);
  Poll(kC, Seen::kUnreachable);
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 ?"));
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("0 primary!"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!", "1 primary+"));
}

// The network that took the primary away may also hide the replica for a moment.
TEST_F(PrimaryTrackerTest, PromotionOfAServerThatWasOutOfSightIsSeen) {
  StartWithA();
  Poll(kA, Seen::kHung);
  Poll(kB, Seen::kHung);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, SplitBrainSuspendsThePrimaryUntilItIsReadOnly) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 ?", "0 primary")) << "neither serves";
  EXPECT_TRUE(polls_others_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes")))
      << "A may have been polled too long ago";

  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes, and none is trusted "
                                          "until only one does: zone1-0 (db0:3306), zone1-1")));
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(log_, IsEmpty());

  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, IsEmpty()) << "B was polled before; it may be read-only as well";
  EXPECT_TRUE(polls_others_);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 replica+", "1 primary+"));
  EXPECT_GT(timestamp(), before);
}

TEST_F(PrimaryTrackerTest, SplitBrainEndsWhenThePrimaryIsUnreachable) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kHung);
  EXPECT_THAT(reports_, ElementsAre("0 primary!"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, SplitBrainEndsWhenTheNewOneGivesWay) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("1 replica+", "0 primary+"));
  EXPECT_EQ(timestamp(), before);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) is read-only"),
                                HasSubstr("zone1-0 (db0:3306) is the primary again")));
}

// A was demoted and B promoted; then B crashed, all before A was polled again.
TEST_F(PrimaryTrackerTest, RivalThatVanishesDoesNotRestoreThePrimary) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kB, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("1 ?!"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) cannot be reached")));
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, PromotionThatCameToNothingDoesNotCountLater) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kB, Seen::kUnreachable);
  Poll(kA, Seen::kWritable);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 ?"));
  EXPECT_EQ(primary_.alias.uid, kA);
}

TEST_F(PrimaryTrackerTest, TwoPromotedServersAreNotTrustedUntilOneGivesWay) {
  StartWithA();
  tracker_.PollStarted(kB);
  tracker_.PollStarted(kC);
  Poll(kA, Seen::kUnreachable);
  EndPoll(kB, Seen::kWritable);
  EndPoll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("2 ?"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) takes writes")))
      << "B may have been read-only again when C was promoted";

  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes, and none is trusted "
                                          "until only one does: zone1-1 (db1:3306), zone1-2")));
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());

  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("0 ?!", "1 replica+", "2 primary+"));
}

TEST_F(PrimaryTrackerTest, PollThatBeganBeforeThePrimaryWasLostDoesNotElect) {
  StartWithA();
  tracker_.PollStarted(kB);
  Poll(kA, Seen::kReadOnly);
  EndPoll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 ?"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, TwoWritableServersAtTheStartAreNotTrusted) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  Poll(kC, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("2 replica+"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) is read-only")));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes")));

  // A may still take writes, out of sight.
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) cannot be reached"),
                                HasSubstr("zone1-1 (db1:3306) takes writes, but nobody was seen"),
                                HasSubstr("there is no primary")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());

  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, PromotionSettlesADoubtThatWasThereAtTheStart) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  Poll(kC, Seen::kReadOnly);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("1 replica+"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 primary+"));
}

TEST_F(PrimaryTrackerTest, NoServerTakesWritesAtTheStart) {
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kReadOnly);
  Poll(kC, Seen::kRefused);
  EXPECT_THAT(reports_, ElementsAre("2 ?"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) refuses the monitor"),
                                HasSubstr("there is no primary")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("1 primary+"));
}

TEST_F(PrimaryTrackerTest, LostReplicaIsReportedAsALostReplica) {
  StartWithA();
  Poll(kB, Observation{Seen::kUnreachable, false, "2002 Can't connect"});
  EXPECT_THAT(reports_, ElementsAre("1 replica!"));
  EXPECT_EQ(last_report_.last_error, "2002 Can't connect");
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) cannot be reached: 2002 Can't "
                                          "connect")));
  Poll(kB, Observation{Seen::kUnreachable, false, "2013 Lost connection"});
  EXPECT_THAT(log_, IsEmpty()) << "the same with other words";
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, ElementsAre("1 replica+"));
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
  EXPECT_THAT(reports_, ElementsAre(GetParam().up ? "0 primary" : "0 primary!"));
  EXPECT_EQ(primary_.last_error, absl::StrCat(GetParam().text, ": 1234 why"));
  EXPECT_TRUE(polls_others_);
  Poll(kA, Observation{GetParam().seen, false, "1234 why"});
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kWritable);
  EXPECT_EQ(Short(primary_), "1 primary+");
}

INSTANTIATE_TEST_SUITE_P(
    EachWay, LostPrimaryTest,
    testing::Values(Loss{Seen::kNotReady, true, "is not ready"},
                    Loss{Seen::kRefused, true, "refuses the monitor"},
                    Loss{Seen::kFull, true, "has no connection left for the monitor"},
                    Loss{Seen::kUnreachable, false, "cannot be reached"},
                    Loss{Seen::kHung, false, "does not answer"}),
    [](const auto& loss) { return absl::StrCat("Seen", static_cast<int>(loss.param.seen)); });

constexpr bool kGalera = true;

TEST_F(PrimaryTrackerTest, FirstGaleraNodeThatTakesWritesIsThePrimary) {
  Poll(kC, Observation{Seen::kWritable, kGalera, ""});
  Poll(kB, Observation{Seen::kWritable, kGalera, ""});
  Poll(kA, Observation{Seen::kNotReady, kGalera, "wsrep_ready is off"});
  EXPECT_THAT(reports_, ElementsAre("0 ?", "2 replica+", "1 primary+"));
  Poll(kA, Observation{Seen::kWritable, kGalera, ""});
  EXPECT_THAT(reports_, ElementsAre("0 replica+")) << "B remains the primary";
}

TEST_F(PrimaryTrackerTest, GaleraNodeThatIsLostIsReplacedByItsPeer) {
  for (const std::size_t node : {kA, kB, kC}) Poll(node, Observation{Seen::kWritable, kGalera, ""});
  ASSERT_EQ(Short(primary_), "0 primary+");
  const std::int64_t before = timestamp();
  Poll(kA, Observation{Seen::kNotReady, kGalera, "wsrep_ready is off"});
  EXPECT_THAT(reports_, ElementsAre("0 primary"));
  EXPECT_TRUE(polls_others_);
  Poll(kC, Observation{Seen::kWritable, kGalera, ""});
  EXPECT_THAT(reports_, ElementsAre("0 replica", "2 primary+"));
  EXPECT_GT(timestamp(), before);
  Poll(kA, Observation{Seen::kWritable, kGalera, ""});
  EXPECT_THAT(reports_, ElementsAre("0 replica+")) << "neither a rival nor a suspect";
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) takes writes")));
}

class SingleServerTest : public PrimaryTrackerTest {
 protected:
  SingleServerTest() : PrimaryTrackerTest(1) {}
};

TEST_F(SingleServerTest, IsThePrimaryWheneverItTakesWrites) {
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(reports_, ElementsAre("0 ?!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  Poll(kA, Seen::kHung);
  EXPECT_THAT(reports_, ElementsAre("0 primary!"));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
}

}  // namespace
}  // namespace failover::mysql::internal
