// Several servers take writes: split brains, and clusters in which that is normal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(PrimaryTrackerTest, SplitBrainSuspendsThePrimaryUntilItIsReadOnly) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 ?", "0 primary")) << "neither serves";
  EXPECT_TRUE(checks_others_);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes")))
      << "A may have been polled too long ago";

  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes, and none is trusted "
                                          "until only one does: zone1-0 (db0:3306), zone1-1")));
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(log_, IsEmpty());

  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, IsEmpty()) << "B was polled before; it may be read-only as well";
  EXPECT_TRUE(checks_others_);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
  EXPECT_GT(timestamp(), before);
}

TEST_F(PrimaryTrackerTest, SplitBrainEndsWhenThePrimaryIsUnreachable) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kHung);
  EXPECT_THAT(changes_, ElementsAre("0 primary!"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, SplitBrainEndsWhenTheNewOneGivesWay) {
  StartWithA();
  const std::int64_t before = timestamp();
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary+"));
  EXPECT_EQ(timestamp(), before);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) is read-only"),
                                HasSubstr("zone1-0 (db0:3306) is the primary again")));
}

// A was demoted, B was promoted, and B crashed, all before A was checked again.
TEST_F(PrimaryTrackerTest, RivalThatVanishesDoesNotRestoreThePrimary) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kB, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("1 ?!"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) cannot be reached")));
  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, IsEmpty());
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, PromotionThatCameToNothingDoesNotCountLater) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  Poll(kB, Seen::kUnreachable);
  Poll(kA, Seen::kWritable);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 ?"));
  EXPECT_EQ(primary_.alias.uid, kA);
}

TEST_F(PrimaryTrackerTest, TwoPromotedServersAreNotTrustedUntilOneGivesWay) {
  StartWithA();
  Begin(kB);
  Begin(kC);
  Poll(kA, Seen::kUnreachable);
  EndPoll(kB, Seen::kWritable);
  EndPoll(kC, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("2 ?"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) takes writes")))
      << "B may have been read-only again when C was promoted";

  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes, and none is trusted "
                                          "until only one does: zone1-1 (db1:3306), zone1-2")));
  Poll(kC, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());

  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 replica+", "2 primary+"));
}

TEST_F(PrimaryTrackerTest, PollThatBeganBeforeThePrimaryWasLostDoesNotElect) {
  StartWithA();
  Begin(kB);
  Poll(kA, Seen::kReadOnly);
  EndPoll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 ?"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-1 (db1:3306) takes writes")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, TwoWritableServersAtTheStartAreNotTrusted) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  Poll(kC, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("2 replica+"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-2 (db2:3306) is read-only")));
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes")));

  // A may still take writes while nobody can see it.
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("0 ?!"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) cannot be reached"),
                                HasSubstr("zone1-1 (db1:3306) takes writes, but nobody was seen"),
                                HasSubstr("there is no primary")));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_THAT(log_, IsEmpty());

  Poll(kA, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "1 primary+"));
}

TEST_F(PrimaryTrackerTest, PromotionSettlesADoubtThatWasThereAtTheStart) {
  Poll(kA, Seen::kWritable);
  Poll(kB, Seen::kWritable);
  Poll(kC, Seen::kReadOnly);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kReadOnly);
  EXPECT_THAT(changes_, ElementsAre("1 replica+"));
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(changes_, ElementsAre("1 primary+"));
}

constexpr bool kMultiWriter = true;

TEST_F(PrimaryTrackerTest, FirstMultiWriterNodeThatTakesWritesIsThePrimary) {
  Poll(kC, Observation{Seen::kWritable, kMultiWriter, ""});
  Poll(kB, Observation{Seen::kWritable, kMultiWriter, ""});
  Poll(kA, Observation{Seen::kNotReady, kMultiWriter, "out of its cluster"});
  EXPECT_THAT(changes_, ElementsAre("0 ?", "2 replica+", "1 primary+"));
  Poll(kA, Observation{Seen::kWritable, kMultiWriter, ""});
  EXPECT_THAT(changes_, ElementsAre("0 replica+")) << "B remains the primary";
}

TEST_F(PrimaryTrackerTest, MultiWriterNodeThatIsLostIsReplacedByItsPeer) {
  for (const std::size_t node : {kA, kB, kC})
    Poll(node, Observation{Seen::kWritable, kMultiWriter, ""});
  ASSERT_EQ(Short(primary_), "0 primary+");
  const std::int64_t before = timestamp();
  Poll(kA, Observation{Seen::kNotReady, kMultiWriter, "out of its cluster"});
  EXPECT_THAT(changes_, ElementsAre("0 primary"));
  EXPECT_TRUE(checks_others_);
  Poll(kC, Observation{Seen::kWritable, kMultiWriter, ""});
  EXPECT_THAT(changes_, ElementsAre("0 replica", "2 primary+"));
  EXPECT_GT(timestamp(), before);
  Poll(kA, Observation{Seen::kWritable, kMultiWriter, ""});
  EXPECT_THAT(changes_, ElementsAre("0 replica+")) << "neither a rival nor a suspect";
  EXPECT_THAT(log_, ElementsAre(HasSubstr("zone1-0 (db0:3306) takes writes")));
}

}  // namespace
}  // namespace failover::watch::internal
