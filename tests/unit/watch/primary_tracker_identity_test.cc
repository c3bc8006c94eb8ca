// Several addresses of one server, and addresses that move from server to server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr bool kMultiWriter = true;

Observation Writes(const char* identity) { return {Seen::kWritable, false, "", identity}; }
Observation Reads(const char* identity) { return {Seen::kReadOnly, false, "", identity}; }

class IdentityTest : public PrimaryTrackerTest {
 protected:
  // The server x is reached by A and by B, and y by C. x is the primary.
  void StartWithTwoNames() {
    Poll(kA, Writes("x"));
    Poll(kB, Writes("x"));
    EXPECT_THAT(log_, Contains(HasSubstr("zone1-1 (db1:3306) is the same server as zone1-0 "
                                         "(db0:3306) (x): only one of them counts")));
    Poll(kC, Reads("y"));
    ASSERT_THAT(changes_, ElementsAre("2 replica+", "0 primary+"));
  }
};

TEST_F(IdentityTest, OneServerUnderTwoNamesIsNoSplitBrain) {
  StartWithTwoNames();
  for (int i = 0; i < 3; ++i) {
    Poll(kB, Writes("x"));
    EXPECT_THAT(reports_, ElementsAre("1 ?"));
    EXPECT_EQ(last_report_.last_error, "is the same server as zone1-0 (db0:3306)");
    EXPECT_THAT(log_, IsEmpty()) << "it is logged once";
    Poll(kA, Writes("x"));
    EXPECT_THAT(reports_, ElementsAre("0 primary+"));
    EXPECT_THAT(log_, IsEmpty());
  }
}

TEST_F(IdentityTest, ServersWithoutIdentityAreDifferentServers) {
  Poll(kA, Writes(""));
  Poll(kB, Writes(""));
  Poll(kC, Reads(""));
  Poll(kA, Writes(""));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("more than one server takes writes")));
}

TEST_F(IdentityTest, SwitchoverFromAServerWithTwoNames) {
  StartWithTwoNames();
  Poll(kA, Reads("x"));
  EXPECT_THAT(changes_, ElementsAre("0 primary"));
  Poll(kB, Reads("x"));
  EXPECT_THAT(changes_, ElementsAre("1 replica+"));
  Poll(kC, Writes("y"));
  EXPECT_THAT(changes_, ElementsAre("0 replica+", "2 primary+"));
}

TEST_F(IdentityTest, SwitchoverToAServerWithTwoNames) {
  Poll(kA, Reads("x"));
  Poll(kB, Reads("x"));
  Poll(kC, Writes("y"));
  ASSERT_THAT(changes_, ElementsAre("2 primary+"));
  Poll(kC, Reads("y"));
  Poll(kB, Writes("x"));
  EXPECT_THAT(changes_, ElementsAre("1 ?")) << "A speaks for x";
  EXPECT_TRUE(checks_others_);
  Poll(kA, Writes("x"));
  EXPECT_THAT(changes_, ElementsAre("2 replica+", "0 primary+"));
  Poll(kB, Writes("x"));
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(IdentityTest, OtherNameOfThePrimaryReplacesTheNameThatIsLost) {
  StartWithTwoNames();
  const std::int64_t before = timestamp();
  Poll(kA, Seen::kUnreachable);
  EXPECT_THAT(changes_, ElementsAre("0 primary!")) << "what is known of B may be old";
  EXPECT_TRUE(checks_others_);
  Poll(kB, Writes("x"));
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "1 primary+"));
  EXPECT_GT(timestamp(), before);

  Poll(kA, Writes("x"));
  EXPECT_THAT(changes_, ElementsAre("0 ?")) << "the address of the primary goes on speaking";
  EXPECT_THAT(log_, ElementsAre(HasSubstr("takes writes")));
  Poll(kB, Writes("x"));
  EXPECT_THAT(reports_, ElementsAre("1 primary+"));
}

TEST_F(IdentityTest, OtherNameOfALostPrimaryAndAPromotedServerAreASplitBrain) {
  StartWithTwoNames();
  Poll(kC, Writes("y"));
  EXPECT_THAT(changes_, ElementsAre("2 ?", "0 primary"));
  Poll(kA, Seen::kUnreachable);
  Poll(kC, Writes("y"));
  Poll(kB, Writes("x"));
  EXPECT_FALSE(last_report_.serving);
  EXPECT_THAT(reports_, Not(Contains("1 primary+")));
  Poll(kB, Reads("x"));
  Poll(kC, Writes("y"));
  EXPECT_THAT(changes_, Contains("2 primary+"));
}

TEST_F(IdentityTest, NameThatTheMonitorCannotAskGivesWayToTheOther) {
  StartWithTwoNames();
  Poll(kA, Seen::kRefused);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Seen::kRefused);
  EXPECT_THAT(reports_, IsEmpty());
  Poll(kB, Writes("x"));
  EXPECT_THAT(changes_, ElementsAre("0 ?", "1 primary+"));
}

TEST_F(IdentityTest, OtherNameTellsThatABlindPrimaryTakesNoWrites) {
  StartWithTwoNames();
  Poll(kA, Seen::kRefused);
  Poll(kB, Reads("x"));
  EXPECT_THAT(changes_, ElementsAre("1 replica+", "0 primary"));
  EXPECT_EQ(primary_.last_error, "is read-only");
  Poll(kC, Writes("y"));
  EXPECT_EQ(Short(primary_), "2 primary+");
}

// A is a virtual address of the primary x. B and C are the addresses of y and x.
TEST_F(IdentityTest, VirtualAddressMovesToThePromotedServer) {
  Poll(kA, Writes("x"));
  Poll(kB, Reads("y"));
  Poll(kC, Writes("x"));
  ASSERT_EQ(Short(primary_), "0 primary+");
  const std::int64_t before = timestamp();
  Poll(kA, Reads("x"));
  Poll(kC, Reads("x"));
  Poll(kB, Writes("y"));
  ASSERT_EQ(Short(primary_), "1 primary+");
  Poll(kA, Writes("y"));
  EXPECT_THAT(changes_, ElementsAre("0 ?")) << "B is the primary and speaks for y";
  EXPECT_GT(timestamp(), before);
  Poll(kB, Writes("y"));
  EXPECT_THAT(reports_, ElementsAre("1 primary+"));
}

TEST_F(IdentityTest, VirtualAddressThatMovesUnseenIsAnotherPrimary) {
  Poll(kA, Writes("x"));
  Poll(kB, Reads("y"));
  Poll(kC, Seen::kUnreachable);
  ASSERT_EQ(Short(primary_), "0 primary+");
  const std::int64_t before = timestamp();
  Poll(kA, Writes("y"));
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  EXPECT_GT(timestamp(), before);
  EXPECT_TRUE(checks_others_);
  EXPECT_THAT(log_, Contains(HasSubstr("leads to another server now, which is the primary")));
  Poll(kB, Writes("y"));
  EXPECT_THAT(reports_, ElementsAre("1 ?"));
  const std::int64_t after = timestamp();
  Poll(kA, Writes("y"));
  EXPECT_EQ(timestamp(), after);
}

// The address has moved, and the old primary takes writes by its own address.
TEST_F(IdentityTest, VirtualAddressThatLeavesAPrimaryThatTakesWritesIsASplitBrain) {
  Poll(kA, Writes("x"));
  Poll(kB, Reads("y"));
  Poll(kC, Writes("x"));
  const std::int64_t before = timestamp();
  Poll(kA, Writes("y"));
  EXPECT_THAT(changes_, Contains("0 primary"));
  Poll(kC, Writes("x"));
  Poll(kA, Writes("y"));
  EXPECT_EQ(Short(primary_), "0 primary");
  Poll(kC, Reads("x"));
  Poll(kA, Writes("y"));
  EXPECT_EQ(Short(primary_), "0 primary+");
  EXPECT_GT(timestamp(), before);
}

// x was replaced by y, and takes writes again, which nobody trusts. The address of y leads there.
TEST_F(IdentityTest, AddressOfThePrimaryThatMovesToAFormerPrimaryIsNotTrusted) {
  Poll(kC, Writes("x"));
  Poll(kA, Reads("y"));
  Poll(kB, Seen::kUnreachable);
  Poll(kC, Seen::kUnreachable);
  Poll(kA, Writes("y"));
  ASSERT_EQ(Short(primary_), "0 primary+");
  Poll(kA, Writes("x"));
  EXPECT_THAT(reports_, Contains("0 primary"));
  EXPECT_EQ(primary_.last_error, "takes writes, but is not trusted as the primary");
  Poll(kA, Writes("x"));
  EXPECT_THAT(reports_, ElementsAre("0 primary"));
  Poll(kA, Writes("y"));
  EXPECT_THAT(reports_, ElementsAre("0 primary+"));
  Poll(kA, Reads("x"));
  Poll(kA, Writes("x"));
  EXPECT_THAT(reports_, Contains("0 primary+")) << "somebody has promoted x again";
}

// The address was seen read-only when it belonged to y. That proves no promotion of z.
TEST_F(IdentityTest, ReadOnlyAddressThatMovesIsNoPromotion) {
  Poll(kA, Writes("x"));
  Poll(kB, Reads("y"));
  Poll(kC, Seen::kUnreachable);
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Writes("z"));
  EXPECT_THAT(changes_, ElementsAre("1 ?"));
  Poll(kB, Writes("z"));
  EXPECT_EQ(Short(primary_), "0 primary!");
}

// y was seen read-only by C, and takes writes by B, which belonged to another server before.
TEST_F(IdentityTest, PromotionIsSeenByAnotherAddress) {
  Poll(kA, Writes("x"));
  Poll(kB, Reads("z"));
  Poll(kC, Reads("y"));
  Poll(kA, Seen::kUnreachable);
  Poll(kC, Seen::kUnreachable);
  Poll(kB, Writes("y"));
  EXPECT_THAT(changes_, ElementsAre("0 ?!", "2 ?!", "1 primary+"));
}

TEST_F(IdentityTest, AddressOfAMultiWriterClusterThatMovesIsTheSamePrimary) {
  const auto node = [](const char* identity) {
    return Observation{Seen::kWritable, kMultiWriter, "", identity};
  };
  Poll(kA, node("x"));
  Poll(kB, node("y"));
  Poll(kC, node("z"));
  ASSERT_EQ(Short(primary_), "0 primary+");
  const std::int64_t before = timestamp();
  Poll(kA, node("y"));
  EXPECT_THAT(reports_, Contains("0 primary+"));
  EXPECT_EQ(timestamp(), before);
  Poll(kB, node("y"));
  EXPECT_THAT(reports_, ElementsAre("1 ?"));
}

TEST_F(IdentityTest, NamesOfALostServerDoNotBlockTheFirstPrimary) {
  Poll(kA, Writes("x"));
  Poll(kB, Writes("x"));
  Poll(kA, Seen::kUnreachable);
  Poll(kC, Reads("y"));
  EXPECT_THAT(changes_, ElementsAre("2 replica+", "1 primary+"));
}

}  // namespace
}  // namespace failover::watch::internal
