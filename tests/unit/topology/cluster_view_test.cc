#include "topology/cluster_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace failover::topology::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kSwitchover[] = R"({"leader":"n1","member":"n2"})";

EtcdKey Key(const std::string& name, std::string value, std::int64_t created, std::int64_t mod) {
  return {"/service/batman/" + name, std::move(value), created, mod};
}

class ClusterViewTest : public ::testing::Test {
 protected:
  void Range(std::int64_t revision, std::vector<EtcdKey> keys) {
    view_.TakeRange({{1, revision}, std::move(keys)});
  }
  void Put(const EtcdKey& key) { Tell({false, key}); }
  void Delete(const std::string& name, std::int64_t mod) { Tell({true, Key(name, "", 0, mod)}); }

  ClusterView view_{"/service/batman/"};

 private:
  void Tell(const WatchEvent& event) {
    WatchReply reply;
    reply.header.revision = event.key.mod_revision;
    reply.events.push_back(event);
    view_.TakeWatch(reply);
  }
};

TEST_F(ClusterViewTest, ARangeTellsAll) {
  Range(20, {Key("leader", "n1", 5, 8), Key("members/n1", R"({"role":"master"})", 3, 19),
             Key("members/n2", R"({"role":"replica"})", 4, 20), Key("failover", kSwitchover, 9, 9),
             Key("status", "7", 1, 2)});
  EXPECT_TRUE(view_.known());
  EXPECT_EQ(view_.leader().name, "n1");
  EXPECT_EQ(view_.leader().term, 8);
  ASSERT_THAT(view_.Members(), SizeIs(2));
  EXPECT_EQ(view_.Members()[1].role, "replica");
  ASSERT_TRUE(view_.announced().has_value());
  EXPECT_EQ(view_.announced()->revision, 9);
  EXPECT_EQ(view_.revision(), 20);
  EXPECT_TRUE(view_.TakeChanged());
  EXPECT_FALSE(view_.TakeChanged());
}

TEST_F(ClusterViewTest, WhatARangeDoesNotHaveIsGone) {
  Range(20, {Key("leader", "n1", 5, 8), Key("members/n1", "{}", 3, 19),
             Key("failover", kSwitchover, 9, 9)});
  Range(25, {});
  EXPECT_EQ(view_.leader().name, "");
  EXPECT_EQ(view_.leader().term, 8) << "the term of the last leader stays";
  EXPECT_THAT(view_.Members(), IsEmpty());
  EXPECT_FALSE(view_.announced().has_value());
}

TEST_F(ClusterViewTest, TheTermIsTheRevisionOfTheLastChangeOfTheName) {
  Range(20, {Key("leader", "n1", 5, 8)});
  Put(Key("leader", "n1", 5, 21));
  EXPECT_EQ(view_.leader().term, 8) << "the same name was written again";
  Put(Key("leader", "n2", 5, 22));
  EXPECT_EQ(view_.leader().term, 22) << "the name was overwritten";
  Delete("leader", 23);
  EXPECT_EQ(view_.leader().name, "");
  Put(Key("leader", "n2", 24, 24));
  EXPECT_EQ(view_.leader().term, 24) << "nobody led in between";
}

TEST_F(ClusterViewTest, ARangeAfterAGapSeesThatTheKeyWasMadeAnew) {
  Range(20, {Key("leader", "n1", 5, 8)});
  Range(40, {Key("leader", "n1", 5, 30)});
  EXPECT_EQ(view_.leader().term, 8);
  Range(50, {Key("leader", "n1", 45, 45)});
  EXPECT_EQ(view_.leader().term, 45);
}

TEST_F(ClusterViewTest, OldNewsChangeNothing) {
  Range(20, {Key("leader", "n2", 15, 15)});
  static_cast<void>(view_.TakeChanged());
  Put(Key("leader", "n1", 10, 10));
  Delete("leader", 12);
  Range(19, {Key("leader", "n1", 10, 10)});
  EXPECT_EQ(view_.leader().name, "n2");
  EXPECT_EQ(view_.leader().term, 15);
  EXPECT_EQ(view_.revision(), 20);
  EXPECT_FALSE(view_.TakeChanged());
}

TEST_F(ClusterViewTest, TheEventsOfOneRevisionAllCount) {
  Range(20, {Key("leader", "n1", 5, 8), Key("failover", kSwitchover, 9, 9)});
  WatchReply reply;
  reply.header.revision = 21;
  reply.events = {{false, Key("leader", "n2", 21, 21)}, {true, Key("failover", "", 0, 21)}};
  view_.TakeWatch(reply);
  EXPECT_EQ(view_.leader().name, "n2");
  EXPECT_FALSE(view_.announced().has_value());
}

TEST_F(ClusterViewTest, OnlyProgressMovesTheRevisionWithoutEvents) {
  Range(20, {});
  WatchReply reply;
  reply.header.revision = 90;
  reply.created = true;
  view_.TakeWatch(reply);
  EXPECT_EQ(view_.revision(), 20);
  reply.created = false;
  view_.TakeWatch(reply);
  EXPECT_EQ(view_.revision(), 90);
}

TEST_F(ClusterViewTest, TermsNeverGoBackInAnotherStore) {
  Range(900, {Key("leader", "n1", 800, 800)});
  view_.BeginNewNumbering();
  Range(12, {Key("leader", "n1", 7, 7)});
  EXPECT_EQ(view_.leader().term, 800) << "the same leader keeps the term";
  Put(Key("leader", "n2", 7, 13));
  EXPECT_EQ(view_.leader().term, 813);
  view_.BeginNewNumbering();
  Range(3, {Key("leader", "n3", 2, 2)});
  EXPECT_EQ(view_.leader().term, 815);
  EXPECT_EQ(view_.numbering(), 2u);
}

// Revisions that no etcd reaches, each from another store.
TEST_F(ClusterViewTest, BugOverflow_TermsNeverGoBackWhateverTheRevisions) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / 4;
  std::int64_t last = 0;
  for (int store = 0; store < 6; ++store) {
    Range(most, {Key("leader", absl::StrCat("n", store), most, most)});
    EXPECT_GE(view_.leader().term, last);
    last = view_.leader().term;
    view_.BeginNewNumbering();
  }
  EXPECT_EQ(last, std::numeric_limits<std::int64_t>::max());
}

TEST_F(ClusterViewTest, AnotherStoreMayLookLikeTheOneOfBefore) {
  Range(900, {Key("leader", "n1", 800, 800)});
  Range(950, {Key("leader", "n2", 7, 7)});
  EXPECT_EQ(view_.leader().term, 807);
  EXPECT_EQ(view_.numbering(), 1u);
  EXPECT_THAT(view_.TakeProblems(), ElementsAre(HasSubstr("an older revision")));
  Put(Key("leader", "n1", 7, 951));
  EXPECT_EQ(view_.leader().term, 800 + 951);
  EXPECT_EQ(view_.numbering(), 1u);
}

TEST_F(ClusterViewTest, AnotherStoreMayBeginWithoutALeader) {
  Range(900, {Key("leader", "n1", 800, 800)});
  view_.BeginNewNumbering();
  Range(3, {});
  EXPECT_EQ(view_.leader().name, "");
  Put(Key("leader", "n1", 4, 4));
  EXPECT_EQ(view_.leader().term, 804);
}

TEST_F(ClusterViewTest, AnEmptyAnnouncementWithdraws) {
  Range(20, {Key("failover", kSwitchover, 9, 9)});
  Put(Key("failover", "{}", 9, 21));
  EXPECT_FALSE(view_.announced().has_value());
  Put(Key("failover", kSwitchover, 9, 22));
  EXPECT_EQ(view_.announced()->revision, 22);
  Delete("failover", 23);
  EXPECT_FALSE(view_.announced().has_value());
}

TEST_F(ClusterViewTest, WhatCannotBeReadIsToldOnce) {
  Range(20, {Key("failover", "nonsense\n", 9, 9), Key("members/n1", "7", 8, 8)});
  EXPECT_FALSE(view_.announced().has_value());
  EXPECT_THAT(view_.TakeProblems(),
              ElementsAre(HasSubstr("/service/batman/failover"), HasSubstr("members/n1")));
  Range(21, {Key("failover", "nonsense\n", 9, 9), Key("members/n1", "7", 8, 21)});
  EXPECT_THAT(view_.TakeProblems(), IsEmpty());
  Delete("failover", 22);
  Put(Key("failover", "nonsense", 23, 23));
  EXPECT_THAT(view_.TakeProblems(), SizeIs(1));
}

TEST_F(ClusterViewTest, AMemberThatCannotBeReadStaysAsItWas) {
  Range(20, {Key("members/n1", R"({"state":"running"})", 8, 8)});
  Put(Key("members/n1", "nonsense", 8, 21));
  ASSERT_THAT(view_.Members(), SizeIs(1));
  EXPECT_EQ(view_.Members()[0].state, "running");
}

TEST_F(ClusterViewTest, WhatMembersWriteInEachLoopIsNoChange) {
  Range(20, {Key("members/n1", R"({"state":"running","xlog_location":1})", 8, 8)});
  static_cast<void>(view_.TakeChanged());
  Put(Key("members/n1", R"({"state":"running","xlog_location":2})", 8, 21));
  EXPECT_FALSE(view_.TakeChanged());
  Put(Key("members/n1", R"({"state":"stopped","xlog_location":2})", 8, 22));
  EXPECT_TRUE(view_.TakeChanged());
}

TEST_F(ClusterViewTest, TheLengthOfAMemberIsLimited) {
  const std::string state(70'000, 'x');
  Range(20, {Key("members/n1", absl::StrCat(R"({"state":")", state, "\"}"), 8, 8)});
  EXPECT_THAT(view_.Members(), IsEmpty());
  EXPECT_THAT(view_.TakeProblems(), ElementsAre(HasSubstr("too long")));
}

TEST_F(ClusterViewTest, TheNumberOfMembersIsLimited) {
  std::vector<EtcdKey> keys;
  for (int i = 0; i < 300; ++i) keys.push_back(Key(absl::StrCat("members/n", i), "{}", 1, 1));
  Range(20, keys);
  EXPECT_THAT(view_.Members(), SizeIs(256));
  EXPECT_THAT(view_.TakeProblems(), SizeIs(1));
}

TEST_F(ClusterViewTest, KeysElsewhereAreIgnored) {
  view_.TakeRange({{1, 20}, {{"/service/batman2/leader", "n9", 5, 5}, {"/leader", "n8", 6, 6}}});
  EXPECT_EQ(view_.leader().name, "");
}

}  // namespace
}  // namespace failover::topology::internal
