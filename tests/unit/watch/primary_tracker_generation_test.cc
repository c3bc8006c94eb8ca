// The servers number the promotions of their data, so a number tells an old primary from a new one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GenerationTest : public PrimaryTrackerTest {
 protected:
  // What a check finds at `server`. The identity changes when the server is restarted.
  Observation Find(std::size_t server, Seen seen, std::uint64_t generation) const {
    Observation found{seen, false, ""};
    found.identity = absl::StrCat("server ", server, " run ", runs_[server]);
    found.history = history_[server];
    found.generation = generation;
    return found;
  }
  void PollWritable(std::size_t server, std::uint64_t generation) {
    Poll(server, Find(server, Seen::kWritable, generation));
  }
  void PollReplica(std::size_t server) { Poll(server, Find(server, Seen::kReadOnly, 0)); }
  void Restart(std::size_t server) { ++runs_[server]; }

  // A is the primary on generation 1, B and C are replicas.
  void StartWithOldA() {
    PollReplica(kB);
    PollReplica(kC);
    PollWritable(kA, 1);
    ASSERT_THAT(changes_, ElementsAre("0 primary+"));
  }
  // A was lost and B was promoted.
  void FailOverToB() {
    StartWithOldA();
    Poll(kA, Seen::kHung);
    PollWritable(kB, 2);
    ASSERT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
  }

  std::string history_[3] = {"data", "data", "data"};

 private:
  int runs_[3] = {};
};

TEST_F(GenerationTest, HighestGenerationIsThePrimaryAtTheStart) {
  PollWritable(kA, 6);
  PollWritable(kB, 7);
  PollReplica(kC);
  EXPECT_THAT(changes_, ElementsAre("2 replica+", "1 primary+"));
  EXPECT_THAT(log_, testing::Contains(HasSubstr("zone1-0 (db0:3306) takes writes, but another "
                                                "server was promoted after it")));
}

TEST_F(GenerationTest, OldPrimaryThatStillTakesWritesIsReplaced) {
  StartWithOldA();
  const std::int64_t before = timestamp();
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("1 ?", "0 primary")) << "A serves no longer";
  EXPECT_EQ(primary_.last_error, "takes writes, but is not trusted as the primary");
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, IsEmpty());
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("0 ?", "1 primary+"));
  EXPECT_GT(timestamp(), before);
  EXPECT_THAT(log_, testing::Contains(HasSubstr("zone1-1 (db1:3306) is the primary now")));
}

TEST_F(GenerationTest, ThawedOldPrimaryIsNotTrusted) {
  FailOverToB();
  const std::int64_t before = timestamp();
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, ElementsAre("0 ?"));
  PollWritable(kB, 2);
  EXPECT_THAT(reports_, ElementsAre("1 primary+"));
  EXPECT_EQ(timestamp(), before);
}

TEST_F(GenerationTest, OldPrimaryIsNotTrustedWhenTheNewOneIsLost) {
  FailOverToB();
  PollWritable(kA, 1);
  Poll(kB, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("1 primary!"));
  for (int i = 0; i < 3; ++i) {
    PollWritable(kA, 1);
    EXPECT_THAT(changes_, IsEmpty());
  }
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("1 primary+"));
}

// A cluster manager may give up the new primary in favour of the old one.
TEST_F(GenerationTest, OldPrimaryIsTrustedWhenTheNewOneWasSeenInRecovery) {
  FailOverToB();
  const std::int64_t before = timestamp();
  PollWritable(kA, 1);
  Poll(kB, Seen::kUnreachable);
  Restart(kB);
  PollReplica(kB);
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary+"));
  EXPECT_GT(timestamp(), before);
}

TEST_F(GenerationTest, PromotedServerWithALowerGenerationReplacesAPrimaryThatIsLost) {
  StartWithOldA();
  Restart(kA);
  PollWritable(kA, 5);
  // C had never heard of the generations of A.
  PollWritable(kC, 2);
  EXPECT_THAT(changes_, ElementsAre("2 ?")) << "A is up";
  EXPECT_TRUE(primary_.serving);
  Poll(kA, Seen::kUnreachable);
  PollWritable(kC, 2);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "2 primary+"));
}

TEST_F(GenerationTest, ServerThatRefusesTheMonitorKeepsItsClaim) {
  FailOverToB();
  PollWritable(kA, 1);
  Poll(kB, Seen::kRefused);
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_EQ(Short(primary_), "1 primary+");
}

TEST_F(GenerationTest, ServerThatTakesNoWritesForAWhileKeepsItsClaim) {
  FailOverToB();
  PollWritable(kA, 1);
  Poll(kB, Find(kB, Seen::kNotReady, 2));
  EXPECT_THAT(changes_, ElementsAre("1 primary"));
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, IsEmpty());
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("1 primary+"));
}

TEST_F(GenerationTest, TwoServersWithOneGenerationAreAForkAndNoneServes) {
  FailOverToB();
  PollWritable(kC, 2);
  EXPECT_THAT(changes_, ElementsAre("2 ?", "1 primary"));
  PollWritable(kB, 2);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes")));
  PollWritable(kC, 2);
  EXPECT_THAT(changes_, IsEmpty());
  PollReplica(kC);
  EXPECT_THAT(changes_, ElementsAre("2 replica+", "1 primary+")) << "B was polled since";
}

// The number of a promotion is used twice when the second server has never heard of the first.
TEST_F(GenerationTest, ForkOutlivesTheLossOfTheNewPrimary) {
  FailOverToB();
  Poll(kB, Seen::kUnreachable);
  PollWritable(kC, 2);
  EXPECT_THAT(changes_, ElementsAre("1 ?!", "2 primary+")) << "C was seen to be promoted";
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("1 ?", "2 primary"));
}

TEST_F(GenerationTest, ForkAtTheStartIsNotSettledByALoss) {
  PollWritable(kA, 3);
  PollWritable(kB, 3);
  PollReplica(kC);
  EXPECT_EQ(primary_.target.tablet_type, TabletType::kUnknown);
  Poll(kA, Seen::kUnreachable);
  PollWritable(kB, 3);
  EXPECT_EQ(primary_.target.tablet_type, TabletType::kUnknown);
  PollReplica(kA);
  PollWritable(kB, 3);
  EXPECT_EQ(Short(primary_), "1 primary+");
}

// Nobody promoted B: it was started without the primary that it had replicated.
TEST_F(GenerationTest, ReplicaThatIsRestartedAloneIsAForkAndNotAPrimary) {
  StartWithOldA();
  Restart(kB);
  PollWritable(kB, 1);
  EXPECT_THAT(changes_, ElementsAre("1 ?", "0 primary"));
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(log_, testing::Contains(HasSubstr(
                        "zone1-1 (db1:3306) takes writes, but a server that cannot be reached")));
  PollWritable(kB, 1);
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(GenerationTest, RestartedPrimaryIsTheSamePrimary) {
  StartWithOldA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  Restart(kA);
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
  EXPECT_EQ(timestamp(), before);
}

TEST_F(GenerationTest, PrimaryThatIsPromotedAgainIsANewPrimary) {
  StartWithOldA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  Restart(kA);
  PollWritable(kA, 2);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
  EXPECT_GT(timestamp(), before);
}

TEST_F(GenerationTest, PromotionThatNobodySawIsKnownByItsGeneration) {
  StartWithOldA();
  Poll(kA, Seen::kUnreachable);
  Restart(kB);
  PollWritable(kB, 2);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_F(GenerationTest, ServerWithOtherDataIsNeverThePrimary) {
  history_[kC] = "other data";
  PollWritable(kA, 1);
  PollReplica(kB);
  Poll(kC, Seen::kUnreachable);
  ASSERT_EQ(Short(primary_), "0 primary+");
  PollWritable(kC, 9);
  EXPECT_THAT(changes_, ElementsAre("2 ?"));
  EXPECT_THAT(log_, testing::Contains(HasSubstr("its data are not those of the other servers")));
  Poll(kA, Seen::kUnreachable);
  PollWritable(kC, 9);
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(GenerationTest, ServersWithDifferentDataGiveNoFirstPrimary) {
  history_[kC] = "other data";
  PollWritable(kA, 1);
  PollReplica(kB);
  PollReplica(kC);
  EXPECT_EQ(primary_.target.tablet_type, TabletType::kUnknown);
  history_[kC] = "data";
  PollReplica(kC);
  PollWritable(kA, 1);
  EXPECT_EQ(Short(primary_), "0 primary+");
}

TEST_F(GenerationTest, PrimaryMayGetNewDataAtItsAddress) {
  StartWithOldA();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  Restart(kA);
  history_[kA] = "upgraded";
  PollWritable(kA, 1);
  EXPECT_THAT(changes_, ElementsAre("0 primary+"));
  EXPECT_GT(timestamp(), before);
}

TEST_F(GenerationTest, NewDataAtTheAddressOfThePrimaryDoNotOverruleAPromotion) {
  StartWithOldA();
  Poll(kA, Seen::kUnreachable);
  PollWritable(kB, 2);
  ASSERT_EQ(Short(primary_), "1 primary+");
  Poll(kB, Seen::kUnreachable);
  history_[kA] = "upgraded";
  Restart(kA);
  PollWritable(kA, 8);
  EXPECT_THAT(changes_, ElementsAre("0 ?"));
}

TEST_F(GenerationTest, TwoAddressesOfOneServerAreNoFork) {
  PollWritable(kA, 1);
  PollReplica(kC);
  Poll(kB, Find(kA, Seen::kWritable, 1));
  EXPECT_EQ(Short(primary_), "0 primary+");
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Find(kA, Seen::kWritable, 1));
  EXPECT_EQ(Short(primary_), "1 primary+");
}

}  // namespace
}  // namespace failover::watch::internal
