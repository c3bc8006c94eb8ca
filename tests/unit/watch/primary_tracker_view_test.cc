// What the tracker tells about each server at any time (PrimaryTracker::Views).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/watch/server_view.h"
#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PrimaryTrackerViewTest : public PrimaryTrackerTest {
 protected:
  std::vector<std::string> States() const {
    std::vector<std::string> states;
    for (const ServerView& view : tracker_.Views()) states.emplace_back(ToString(view.state));
    return states;
  }
  std::string Reason(std::size_t server) const { return tracker_.Views()[server].reason; }
};

TEST_F(PrimaryTrackerViewTest, EachStateHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kServerStates; ++i)
    names.insert(ToString(static_cast<ServerState>(i)));
  EXPECT_EQ(names.size(), kServerStates);
  EXPECT_EQ(names.count("?"), 0u);
}

TEST_F(PrimaryTrackerViewTest, ServersAreNotCheckedAtFirst) {
  EXPECT_THAT(States(), ElementsAre("NotChecked", "NotChecked", "NotChecked"));
  EXPECT_EQ(tracker_.Views()[kB].keyspace, "commerce");
  EXPECT_EQ(tracker_.Views()[kB].shard, "0");
  EXPECT_EQ(tracker_.Views()[kB].alias.uid, 1u);
  EXPECT_EQ(tracker_.Views()[kB].address, "db1:3306");
  EXPECT_FALSE(tracker_.Views()[kB].answered_at.has_value());
}

TEST_F(PrimaryTrackerViewTest, WhatIsWellHasNoReason) {
  StartWithA();
  EXPECT_THAT(States(), ElementsAre("Primary", "Replica", "Replica"));
  EXPECT_THAT(Reason(kA), IsEmpty());
  EXPECT_THAT(Reason(kB), IsEmpty());
}

TEST_F(PrimaryTrackerViewTest, SilentFeedIsSeen) {
  StartWithA();
  const absl::Time answered_a = clock_;
  Poll(kB, Seen::kReadOnly);
  const absl::Time answered_b = clock_;
  Poll(kA, {Seen::kUnreachable, false, "2002 no connection"});
  Poll(kB, {Seen::kRefused, false, "4151 the account is locked"});
  EXPECT_THAT(States(), ElementsAre("Unreachable", "Refused", "Replica"));
  EXPECT_EQ(Reason(kA), "cannot be reached: 2002 no connection");
  EXPECT_EQ(Reason(kB),
            "refuses the monitor: 4151 the account is locked. This does not tell whether the "
            "server takes writes");
  EXPECT_EQ(tracker_.Views()[kA].answered_at, answered_a) << "a lost connection is no answer";
  EXPECT_EQ(tracker_.Views()[kB].answered_at, answered_b) << "a refusal is no answer";
}

TEST_F(PrimaryTrackerViewTest, SplitBrainNamesAllContenders) {
  StartWithA();
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(States(), ElementsAre("Contender", "Contender", "Replica"));
  EXPECT_THAT(Reason(kA), HasSubstr("more than one server takes writes"));
  EXPECT_THAT(Reason(kB), HasSubstr("zone1-0 (db0:3306), zone1-1 (db1:3306)"));
  Poll(kA, Seen::kReadOnly);
  Poll(kB, Seen::kWritable);
  EXPECT_THAT(States(), ElementsAre("Replica", "Primary", "Replica"));
}

TEST_F(PrimaryTrackerViewTest, OldPrimaryThatComesBackIsNotTrusted) {
  StartWithA();
  Poll(kA, Seen::kUnreachable);
  Poll(kB, Seen::kWritable);
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(States(), ElementsAre("NotTrusted", "Primary", "Replica"));
  EXPECT_EQ(Reason(kA),
            "takes writes, but nobody was seen to promote it: it is not trusted as the primary "
            "until it has been read-only");
}

TEST_F(PrimaryTrackerViewTest, ServerThatWritesBeforeAllWereCheckedIsNotTrustedYet) {
  Poll(kA, Seen::kWritable);
  EXPECT_THAT(States(), ElementsAre("NotTrusted", "NotChecked", "NotChecked"));
  EXPECT_EQ(Reason(kA), "takes writes, but is not trusted as the primary");
}

TEST_F(PrimaryTrackerViewTest, SecondAddressOfAServerNamesTheFirst) {
  Poll(kC, Seen::kReadOnly);
  Poll(kA, {Seen::kWritable, false, "", "one"});
  Poll(kB, {Seen::kWritable, false, "", "one"});
  EXPECT_THAT(States(), ElementsAre("Primary", "SameServer", "Replica"));
  EXPECT_EQ(Reason(kB), "is the same server as zone1-0 (db0:3306)");
}

TEST_F(PrimaryTrackerViewTest, PeerInAMultiWriterClusterIsAReplica) {
  Poll(kA, {Seen::kWritable, true, ""});
  Poll(kB, {Seen::kWritable, true, ""});
  Poll(kC, {Seen::kNotReady, true, "it is a donor"});
  EXPECT_THAT(States(), ElementsAre("Primary", "Replica", "NotReady"));
  EXPECT_EQ(Reason(kC), "is not ready: it is a donor");
}

TEST_F(PrimaryTrackerViewTest, OtherTroublesHaveStatesOfTheirOwn) {
  Poll(kA, Seen::kHung);
  Poll(kB, Seen::kFull);
  Poll(kC, Seen::kUnknown);
  EXPECT_THAT(States(), ElementsAre("Hung", "Full", "Unknown"));
  EXPECT_EQ(Reason(kA), "does not answer");
}

TEST_F(PrimaryTrackerViewTest, ReasonIsShortAndHasNoControlCharacters) {
  Poll(kA, {Seen::kUnreachable, false, absl::StrCat("\n\x1b[31m", std::string(100'000, 'x'))});
  EXPECT_EQ(Reason(kA).size(), 512u);
  EXPECT_EQ(Reason(kA).find('\n'), std::string::npos);
  EXPECT_EQ(Reason(kA).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace failover::watch::internal
