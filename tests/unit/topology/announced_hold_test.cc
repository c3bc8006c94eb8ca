#include "topology/announced_hold.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "topology/cluster_view.h"

namespace failover::topology::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kNow[] = R"({"leader":"n1","member":"n2"})";
constexpr char kNone[] = "{}";
constexpr absl::Duration kLongest = absl::Seconds(5);

// The wall clock and the steady clock move together. Each change of a key has a revision of its
// own.
class AnnouncedHoldTest : public ::testing::Test {
 protected:
  AnnouncedHoldTest() { Begin("n1"); }

  void Begin(const std::string& leader) {
    view_.TakeRange({{1, 10}, {{"/s/leader", leader, 5, 5}}});
  }
  void Put(const std::string& key, const std::string& value) { Tell(false, key, value); }
  void Delete(const std::string& key) { Tell(true, key, ""); }
  void Announce(const std::string& value) { Put("failover", value); }
  static std::string At(absl::Time time) {
    return absl::StrCat(R"({"leader":"n1","member":"n2","scheduled_at":")",
                        absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()), "\"}");
  }
  void Advance(milliseconds by) {
    now_ += by;
    wall_ += absl::FromChrono(by);
  }
  HoldStep Next() { return hold_.Next(view_, wall_, now_); }
  // Announces a switchover, and holds.
  void Hold() {
    Announce(kNow);
    ASSERT_EQ(Next(), HoldStep::kBegin);
    hold_.Begun();
    ASSERT_EQ(Next(), HoldStep::kNone);
  }

  ClusterView view_{"/s/"};
  AnnouncedHold hold_{kLongest};
  absl::Time wall_ = absl::FromUnixSeconds(1'800'000'000);
  AnnouncedHold::Time now_{std::chrono::hours(1)};

 private:
  void Tell(bool deleted, const std::string& key, const std::string& value) {
    ++revision_;
    // The key of the leader was made anew if it was gone.
    if (key == "leader" && view_.leader().name.empty()) created_ = revision_;
    WatchReply reply;
    reply.header.revision = revision_;
    reply.events.push_back({deleted, {"/s/" + key, value, created_, revision_}});
    view_.TakeWatch(reply);
  }

  std::int64_t revision_ = 10;
  std::int64_t created_ = 5;
};

TEST_F(AnnouncedHoldTest, NothingAnnouncedHoldsNothing) {
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_EQ(hold_.due(), AnnouncedHold::Time::max());
}

TEST_F(AnnouncedHoldTest, AnAnnouncementBeginsAHoldAtOnce) {
  Announce(kNow);
  EXPECT_EQ(Next(), HoldStep::kBegin);
  hold_.Begun();
  EXPECT_TRUE(hold_.holding());
  EXPECT_EQ(Next(), HoldStep::kNone);
}

TEST_F(AnnouncedHoldTest, AnAnnouncementMustConcernTheLeader) {
  const struct {
    const char* value;
    bool holds;
  } kRows[] = {
      {R"({"leader":"n1"})", true},
      {R"({"member":"n2"})", true},
      {R"({"leader":"n3","member":"n2"})", false},
      {R"({"leader":"n1","member":"n1"})", false},
      {R"({"member":"n1"})", false},
      {"nonsense", false},
  };
  for (const auto& row : kRows) {
    Announce(row.value);
    AnnouncedHold hold(kLongest);
    EXPECT_EQ(hold.Next(view_, wall_, now_) == HoldStep::kBegin, row.holds) << row.value;
  }
}

TEST_F(AnnouncedHoldTest, WithoutALeaderThereIsNothingToHoldFor) {
  Delete("leader");
  Announce(kNow);
  EXPECT_EQ(Next(), HoldStep::kNone);
}

TEST_F(AnnouncedHoldTest, AnAnnouncementHoldsOnce) {
  Hold();
  hold_.Ended();
  EXPECT_EQ(Next(), HoldStep::kNone);
  Announce(kNow);
  EXPECT_EQ(Next(), HoldStep::kBegin) << "this is a new one";
}

TEST_F(AnnouncedHoldTest, AScheduledSwitchoverHoldsWhenItIsDue) {
  Announce(At(wall_ + absl::Milliseconds(1500)));
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_EQ(hold_.due(), now_ + seconds(1)) << "the wall clock may be set meanwhile";
  Advance(seconds(1));
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_EQ(hold_.due(), now_ + milliseconds(500));
  Advance(milliseconds(500));
  EXPECT_EQ(Next(), HoldStep::kBegin);
}

TEST_F(AnnouncedHoldTest, AScheduledSwitchoverThatIsLongOverHoldsNothing) {
  Announce(At(wall_ - absl::Seconds(6)));
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_EQ(hold_.due(), AnnouncedHold::Time::max());
  Announce(At(wall_ - absl::Seconds(4)));
  EXPECT_EQ(Next(), HoldStep::kBegin);
}

TEST_F(AnnouncedHoldTest, AScheduledSwitchoverMayBeWithdrawnBefore) {
  Announce(At(wall_ + absl::Seconds(1)));
  EXPECT_EQ(Next(), HoldStep::kNone);
  Announce(kNone);
  Advance(seconds(2));
  EXPECT_EQ(Next(), HoldStep::kNone);
}

TEST_F(AnnouncedHoldTest, AWithdrawnAnnouncementCallsOff) {
  for (const bool deleted : {false, true}) {
    Hold();
    if (deleted) {
      Delete("failover");
    } else {
      Announce(kNone);
    }
    EXPECT_EQ(Next(), HoldStep::kAbort);
    EXPECT_FALSE(hold_.holding());
    EXPECT_EQ(Next(), HoldStep::kNone);
  }
}

TEST_F(AnnouncedHoldTest, PutOffForLaterIsCalledOff) {
  Hold();
  Announce(At(wall_ + absl::Seconds(3)));
  EXPECT_EQ(Next(), HoldStep::kAbort);
  EXPECT_EQ(Next(), HoldStep::kNone);
  Advance(seconds(3));
  EXPECT_EQ(Next(), HoldStep::kBegin);
}

TEST_F(AnnouncedHoldTest, AnotherCandidateGoesOnHolding) {
  Hold();
  Announce(R"({"leader":"n1","member":"n3"})");
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_TRUE(hold_.holding());
}

TEST_F(AnnouncedHoldTest, AnotherLeaderCommits) {
  Hold();
  Delete("leader");
  EXPECT_EQ(Next(), HoldStep::kNone);
  Put("leader", "n2");
  EXPECT_EQ(Next(), HoldStep::kCommit);
  EXPECT_FALSE(hold_.holding());
  Announce(kNone);
  EXPECT_EQ(Next(), HoldStep::kNone);
}

TEST_F(AnnouncedHoldTest, AnOverwrittenLeaderCommitsToo) {
  Hold();
  Put("leader", "n2");
  EXPECT_EQ(Next(), HoldStep::kCommit);
}

TEST_F(AnnouncedHoldTest, ALeaderThatIsGoneIsNoReasonToCallOff) {
  Hold();
  Delete("leader");
  Announce(kNone);
  Advance(seconds(4));
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_TRUE(hold_.holding());
}

TEST_F(AnnouncedHoldTest, AnOldLeaderThatIsBackCallsOffWhenItsKeyIsOldEnough) {
  Hold();
  Delete("leader");
  Announce(kNone);
  Put("leader", "n1");
  EXPECT_EQ(Next(), HoldStep::kNone) << "the key is early: the server may not take writes yet";
  EXPECT_EQ(hold_.due(), now_ + seconds(1));
  Advance(milliseconds(999));
  EXPECT_EQ(Next(), HoldStep::kNone);
  Advance(milliseconds(1));
  EXPECT_EQ(Next(), HoldStep::kAbort);
}

TEST_F(AnnouncedHoldTest, BugBackTwice_AnOldLeaderThatIsBackAgainWaitsAgain) {
  Hold();
  Delete("leader");
  Announce(kNone);
  Put("leader", "n1");
  EXPECT_EQ(Next(), HoldStep::kNone);
  Advance(milliseconds(999));
  Delete("leader");
  EXPECT_EQ(Next(), HoldStep::kNone);
  Advance(milliseconds(999));
  Put("leader", "n1");
  EXPECT_EQ(Next(), HoldStep::kNone) << "the key is early, as the first one was";
  Advance(seconds(1));
  EXPECT_EQ(Next(), HoldStep::kAbort);
}

TEST_F(AnnouncedHoldTest, AnotherStoreOfEtcdDecidesNothing) {
  Hold();
  view_.BeginNewNumbering();
  view_.TakeRange({{2, 3}, {}});
  EXPECT_EQ(Next(), HoldStep::kNone);
  view_.TakeRange({{2, 4}, {{"/s/leader", "n2", 4, 4}}});
  EXPECT_EQ(Next(), HoldStep::kNone);
  view_.TakeRange({{2, 5}, {{"/s/leader", "n1", 5, 5}}});
  EXPECT_EQ(Next(), HoldStep::kNone);
  EXPECT_TRUE(hold_.holding());
}

TEST_F(AnnouncedHoldTest, AShardThatCannotHoldNowIsAskedAgain) {
  Announce(kNow);
  EXPECT_EQ(Next(), HoldStep::kBegin);
  hold_.NotNow(/*again=*/true, now_);
  EXPECT_EQ(hold_.due(), now_ + milliseconds(10));
  Advance(milliseconds(10));
  EXPECT_EQ(Next(), HoldStep::kBegin);
  hold_.NotNow(/*again=*/true, now_);
  Advance(seconds(5));
  EXPECT_EQ(Next(), HoldStep::kNone) << "the announcement is too old by now";
  EXPECT_EQ(hold_.due(), AnnouncedHold::Time::max());
}

TEST_F(AnnouncedHoldTest, AShardThatNeverHoldsIsNotAskedAgain) {
  Announce(kNow);
  EXPECT_EQ(Next(), HoldStep::kBegin);
  hold_.NotNow(/*again=*/false, now_);
  EXPECT_EQ(Next(), HoldStep::kNone);
}

TEST_F(AnnouncedHoldTest, WhatIsOverBeforeTheHoldBeganNeedsNone) {
  for (const std::string key : {"failover", "leader"}) {
    AnnouncedHold hold(kLongest);
    Announce(kNow);
    EXPECT_EQ(hold.Next(view_, wall_, now_), HoldStep::kBegin);
    hold.NotNow(/*again=*/true, now_);
    Put(key, key == "leader" ? "n2" : kNone);
    EXPECT_EQ(hold.Next(view_, wall_, now_), HoldStep::kNone) << key;
  }
}

}  // namespace
}  // namespace failover::topology::internal
