// What a feed learns and does while its etcd works.
#include "failover/topology/patroni_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "unit/topology/feed_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class PatroniFeedTest : public FeedTest {};

TEST_F(PatroniFeedTest, TellsWhatStandsInEtcd) {
  etcd_.Put(kPrefix + "members/n1", R"({"role":"master","conn_url":"postgres://a:1/b"})");
  Start();
  ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }));
  const State state = StateNow();
  EXPECT_TRUE(state.known);
  EXPECT_EQ(state.shard.scope, "batman");
  EXPECT_EQ(state.leader, "n1");
  EXPECT_EQ(state.term, 11);
  EXPECT_LE(state.leader_since, absl::Now());
  ASSERT_EQ(state.members.size(), 1u);
  EXPECT_EQ(state.members[0].conn_url, "postgres://a:1/b");
  EXPECT_TRUE(state.last_error.ok());
  EXPECT_FALSE(state.holding);
}

TEST_F(PatroniFeedTest, HearsOfChanges) {
  StartAndConnect();
  const std::int64_t term = Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_EQ(StateNow().term, term);
  etcd_.Delete(kPrefix + "leader");
  ASSERT_TRUE(AwaitLeader(""));
  EXPECT_EQ(StateNow().term, term);
}

TEST_F(PatroniFeedTest, AnswersMayComeByteByByte) {
  etcd_.SetPieces(1);
  StartAndConnect();
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  Lead("n3");
  ASSERT_TRUE(AwaitLeader("n3"));
}

TEST_F(PatroniFeedTest, WatchesFromTheRevisionThatWasRead) {
  StartAndConnect();
  EXPECT_THAT(etcd_.LastBody("watch"), HasSubstr(R"("start_revision":"12")"));
}

TEST_F(PatroniFeedTest, ManyClustersShareAThread) {
  options_.shards.push_back({"robin", "ks", "1"});
  etcd_.Put("/service/robin/leader", "r1");
  StartAndConnect();
  ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }, "1"));
  etcd_.Put("/service/robin/leader", "r2");
  ASSERT_TRUE(AwaitState([](const State& state) { return state.leader == "r2"; }, "1"));
  EXPECT_EQ(StateNow().leader, "n1");
}

TEST_F(PatroniFeedTest, OtherShardsAreNotKnown) {
  Start();
  EXPECT_FALSE(feed_->State("ks", "1").has_value());
}

// ---- Announcements ------------------------------------------------------------------------------

TEST_F(PatroniFeedTest, AnAnnouncementHoldsAndAReportReleases) {
  Report(1, true, 1);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  EXPECT_TRUE(Holds());
  ASSERT_TRUE(StateNow().announced.has_value());
  EXPECT_EQ(StateNow().announced->candidate, "n2");
  Report(1, true, 1);
  EXPECT_TRUE(Holds()) << "the old primary serves until it stops";
  Report(1, false, 1);
  Report(2, true, 2);
  EXPECT_FALSE(Holds());
  ASSERT_TRUE(AwaitHold(false));
}

TEST_F(PatroniFeedTest, TheKeyOfTheLeaderReleasesNothing) {
  Report(1, true, 1);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  etcd_.Delete(kPrefix + "leader");
  Lead("n2");
  ASSERT_TRUE(AwaitHold(false));
  ASSERT_TRUE(AwaitLine("the switchover is committed"));
  EXPECT_TRUE(Holds()) << "the hold goes on as one of a failover";
  Report(1, true, 1);
  EXPECT_TRUE(Holds()) << "the old primary was given up";
  Report(2, true, 2);
  EXPECT_FALSE(Holds());
}

TEST_F(PatroniFeedTest, AWithdrawnAnnouncementReleases) {
  Report(1, true, 1);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  Announce("{}");
  ASSERT_TRUE(AwaitHold(false));
  EXPECT_FALSE(Holds());
  EXPECT_EQ(CountOf("called off: the announcement was withdrawn"), 1u);
}

TEST_F(PatroniFeedTest, AWithdrawnAnnouncementReleasesNothingToAPrimaryThatIsDown) {
  Report(1, true, 1);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  Report(1, false, 1);
  auto request = buffer_->WaitForFailoverEndAsync({}, buffer_->GetShard("ks", "0"),
                                                  absl::OkStatus(), [](auto) {});
  ASSERT_TRUE(request.ok() && *request) << request.status();
  Announce("{}");
  ASSERT_TRUE(AwaitHold(false));
  EXPECT_TRUE(Holds());
}

TEST_F(PatroniFeedTest, AScheduledAnnouncementHoldsWhenItIsDue) {
  StartAndConnect();
  const absl::Time due = absl::Now() + absl::Milliseconds(300);
  Announce(absl::StrCat(R"({"leader":"n1","scheduled_at":")",
                        absl::FormatTime(absl::RFC3339_full, due, absl::UTCTimeZone()), "\"}"));
  ASSERT_TRUE(AwaitState([](const State& state) { return state.announced.has_value(); }));
  ASSERT_TRUE(AwaitHold());
  EXPECT_GE(absl::Now(), due);
}

TEST_F(PatroniFeedTest, AHoldIsBounded) {
  options_.longest_hold = absl::Milliseconds(200);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitLine("the announced switchover has ended: TimedOut"));
  ASSERT_TRUE(AwaitHold(false));
  EXPECT_FALSE(Holds());
}

TEST_F(PatroniFeedTest, TheWindowOfTheBufferBoundsTheHoldToo) {
  options_.longest_hold = absl::Minutes(30);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
}

TEST_F(PatroniFeedTest, AnAnnouncementThatIsOlderThanTheFeedHolds) {
  Announce(kNow);
  StartAndConnect();
  ASSERT_TRUE(AwaitHold());
}

TEST_F(PatroniFeedTest, AShardThatHoldsAlreadyIsAskedAgain) {
  StartAndConnect();
  const ShardHandle shard = buffer_->GetShard("ks", "0");
  ASSERT_TRUE(buffer_->StartBuffering(shard, "a test"));
  Announce(kNow);
  ASSERT_TRUE(AwaitState([](const State& state) { return state.announced.has_value(); }));
  EXPECT_FALSE(StateNow().holding);
  ASSERT_TRUE(buffer_->StopBuffering(shard));
  ASSERT_TRUE(AwaitHold());
  EXPECT_TRUE(Holds());
}

TEST_F(PatroniFeedTest, AShardThatIsOffIsLeftAlone) {
  BufferOptions options;
  options.enabled = false;
  const auto off = Buffer::Create(options).value();
  options_.buffer = off.get();
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitState([](const State& state) { return state.announced.has_value(); }));
  Announce("{}");
  ASSERT_TRUE(AwaitState([](const State& state) { return !state.announced.has_value(); }));
  EXPECT_FALSE(StateNow().holding);
  feed_.reset();
}

TEST_F(PatroniFeedTest, WithoutABufferAnnouncementsAreOnlyTold) {
  options_.buffer = nullptr;
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitState([](const State& state) { return state.announced.has_value(); }));
  EXPECT_FALSE(StateNow().holding);
}

TEST_F(PatroniFeedTest, AnAnnouncementThatCannotBeReadIsToldAndHoldsNothing) {
  StartAndConnect();
  Announce("nonsense");
  ASSERT_TRUE(AwaitLine("the value of /service/batman/failover cannot be read"));
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_FALSE(Holds());
}

// ---- The end ------------------------------------------------------------------------------------

TEST_F(PatroniFeedTest, StopCallsOff) {
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  feed_->Stop();
  EXPECT_FALSE(Holds());
  EXPECT_FALSE(StateNow().holding);
  feed_->Stop();
  EXPECT_EQ(feed_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

// The old primary has given up its key, so nothing may go there.
TEST_F(PatroniFeedTest, BugStopWithoutLeader_StopReleasesNothingToThePrimaryOfBefore) {
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  etcd_.Delete(kPrefix + "leader");
  ASSERT_TRUE(AwaitState([](const State& state) { return state.leader.empty(); }));
  feed_->Stop();
  EXPECT_TRUE(Holds());
  EXPECT_FALSE(StateNow().holding);
}

// Stop on another thread may wait for the thread of the callback.
TEST_F(PatroniFeedTest, BugStartInCallback_StartInsideTheCallbackDoesNotWait) {
  std::atomic<int> refused{0};
  options_.on_change = [&, note = options_.on_change](const State& state) {
    if (!feed_->Start().ok()) ++refused;
    note(state);
  };
  StartAndConnect();
  feed_->Stop();
  EXPECT_GT(refused.load(), 0);
}

TEST_F(PatroniFeedTest, StopInsideTheCallbackDoesNotWait) {
  std::atomic<int> calls{0};
  options_.on_change = [&](const State&) {
    ++calls;
    if (feed_ != nullptr) feed_->Stop();
  };
  auto feed = topology::PatroniFeed::Create(options_);
  ASSERT_TRUE(feed.ok());
  feed_ = *std::move(feed);
  ASSERT_TRUE(feed_->Start().ok());
  ASSERT_TRUE(etcd_.AwaitCount("kv/range", 1));
  feed_->Stop();
  EXPECT_LE(calls.load(), 1);
}

TEST_F(PatroniFeedTest, AFeedThatNeverStartsEndsAtOnce) {
  auto feed = topology::PatroniFeed::Create(options_);
  ASSERT_TRUE(feed.ok());
  EXPECT_FALSE((*feed)->State("ks", "0")->known);
}

TEST_F(PatroniFeedTest, StartsOnce) {
  Start();
  EXPECT_EQ(feed_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace failover::test
