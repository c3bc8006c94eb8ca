// These tests cover the events of a keyspace: they report reparents, reshardings and MoveTables,
// shard by shard.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

ShardEvent OneShard(std::string shard, bool serving, std::uint32_t uid = 0) {
  ShardEvent event;
  if (uid != 0) event.alias = {"zone1", uid};
  event.target = {"ks", std::move(shard), TabletType::kPrimary};
  event.serving = serving;
  return event;
}

class KeyspaceEventTest : public BufferTest {
 protected:
  void Tell(std::vector<ShardEvent> shards, MoveTablesState moving = MoveTablesState::kUnknown) {
    buffer().HandleKeyspaceEvent({"ks", std::move(shards), moving});
    PollAll();
  }
  bool Buffering(std::string_view shard = "0") { return Stats(shard).state == State::kBuffering; }

  void ExpectReleased(AsyncRequest& request, StopReason reason) {
    ASSERT_TRUE(request.released());
    EXPECT_EQ(request.released_by(), reason);
    EXPECT_EQ(At(Stats().stops, reason), 1u);
  }
};

TEST_F(KeyspaceEventTest, AServingShardHasANewPrimary) {
  AsyncRequest request = Fail();
  Tell({OneShard("0", true, 2)});
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(KeyspaceEventTest, AReplicaIsLeftAlone) {
  const AsyncRequest request = Fail();
  ShardEvent replica = OneShard("0", true, 2);
  replica.target.tablet_type = TabletType::kReplica;
  Tell({replica});
  replica.target.tablet_type = TabletType::kRdonly;
  Tell({replica});
  EXPECT_FALSE(request.done());
}

TEST_F(KeyspaceEventTest, ATargetOfAnUntoldTypeIsThePrimary) {
  const AsyncRequest request = Fail();
  ShardEvent untold = OneShard("0", true, 2);
  untold.target.tablet_type = TabletType::kUnknown;
  Tell({untold});
  EXPECT_TRUE(request.released());
}

TEST_F(KeyspaceEventTest, TheTargetNamesItsKeyspaceIfTheEventDoesNot) {
  const AsyncRequest request = Fail();
  buffer().HandleKeyspaceEvent({"", {OneShard("0", true, 2)}, MoveTablesState::kUnknown});
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(KeyspaceEventTest, AServingShardEndsItWhateverThePrimaryIs) {
  Report(1, true, 100);
  AsyncRequest request = Fail();
  Tell({OneShard("0", true, 1)});
  ExpectReleased(request, StopReason::kNewPrimarySeen);
}

TEST_F(KeyspaceEventTest, AShardThatIsGoneFailsItsRequestsAsMissing) {
  AsyncRequest request = Fail();
  Tell({OneShard("0", false)});
  ASSERT_TRUE(request.done());
  EXPECT_EQ(request.reason(), BufferErrorReason::kShardMissing);
  EXPECT_EQ(At(Stats().stops, StopReason::kReshardingComplete), 1u);
}

TEST_F(KeyspaceEventTest, RequestsOfAMissingShardCountAsDrainedAndTheirSlotsAreFreeAtOnce) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  buffer().HandleKeyspaceEvent({"ks", {OneShard("0", false)}, MoveTablesState::kUnknown});
  // The counters must be right before the callbacks have run.
  EXPECT_EQ(Stats().requests_drained, 2u);
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kShardMissing);
  EXPECT_EQ(second.reason(), BufferErrorReason::kShardMissing);
}

TEST_F(KeyspaceEventTest, SwitchedTrafficReleasesWithItsOwnReason) {
  AsyncRequest request = Fail();
  Tell({OneShard("0", true)}, MoveTablesState::kSwitched);
  ExpectReleased(request, StopReason::kMoveTablesSwitchedTraffic);
}

TEST_F(KeyspaceEventTest, SwitchedTrafficComesBeforeAShardThatIsGone) {
  AsyncRequest request = Fail();
  Tell({OneShard("0", false)}, MoveTablesState::kSwitched);
  ExpectReleased(request, StopReason::kMoveTablesSwitchedTraffic);
}

TEST_F(KeyspaceEventTest, TrafficThatIsStillBeingSwitchedEndsNothing) {
  const AsyncRequest request = Fail();
  Tell({OneShard("0", true, 2)}, MoveTablesState::kSwitching);
  Tell({OneShard("0", false)}, MoveTablesState::kSwitching);
  EXPECT_TRUE(Buffering());
  EXPECT_FALSE(request.done());
}

TEST_F(KeyspaceEventTest, TrafficThatIsStillBeingSwitchedDoesNotHideThatThePrimaryRecovers) {
  for (const bool serving : {true, false}) {
    AdvanceBeyondGuards();
    Report(1, true, 100);
    AsyncRequest request = Fail();
    Report(1, false, 100);
    Tell({OneShard("0", serving)}, MoveTablesState::kSwitching);
    EXPECT_FALSE(request.done());
    Report(1, true, 100);
    PollAll();
    ASSERT_TRUE(request.released()) << serving;
    EXPECT_EQ(request.released_by(), StopReason::kPrimaryServingAgain);
    request.EndRetry();
  }
}

TEST_F(KeyspaceEventTest, TrafficThatIsStillBeingSwitchedDoesNotHideThatThePrimaryIsDown) {
  Report(1, true, 100);
  Report(1, false, 100);
  Tell({OneShard("0", false)}, MoveTablesState::kSwitching);
  EXPECT_TRUE(Request().held());
}

TEST_F(KeyspaceEventTest, SwitchingThenSwitched) {
  AsyncRequest request = Fail();
  Tell({OneShard("0", true)}, MoveTablesState::kSwitching);
  Tell({OneShard("0", true)}, MoveTablesState::kSwitched);
  ExpectReleased(request, StopReason::kMoveTablesSwitchedTraffic);
}

TEST_F(KeyspaceEventTest, EveryNamedShardEndsInItsOwnWay) {
  AsyncRequest served = FailOn(Shard("0"));
  AsyncRequest gone = FailOn(Shard("1"));
  Tell({OneShard("0", true, 2), OneShard("1", false)});
  EXPECT_TRUE(served.released());
  EXPECT_EQ(gone.reason(), BufferErrorReason::kShardMissing);
}

TEST_F(KeyspaceEventTest, AShardThatIsNotNamedIsLeftAlone) {
  const AsyncRequest request = Fail();
  Tell({OneShard("1", true, 2), OneShard("2", false)});
  EXPECT_TRUE(Buffering());
}

TEST_F(KeyspaceEventTest, AShardOfTheSameNameInAnotherKeyspaceIsLeftAlone) {
  const AsyncRequest request = Fail();
  buffer().HandleKeyspaceEvent({"other", {OneShard("0", true, 2)}, MoveTablesState::kUnknown});
  EXPECT_TRUE(Buffering());
}

TEST_F(KeyspaceEventTest, AnEventWithoutShardsDoesNothing) {
  const AsyncRequest request = Fail();
  Tell({}, MoveTablesState::kSwitched);
  EXPECT_TRUE(Buffering());
}

TEST_F(KeyspaceEventTest, AnUnknownShardBecomesKnown) {
  Tell({OneShard("new", true, 2)});
  EXPECT_TRUE(buffer().GetShardStats("ks", "new").has_value());
}

TEST_F(KeyspaceEventTest, AnotherPrimaryIsAReparentForTheGuard) {
  Report(1, true, 100);
  Tell({OneShard("0", true, 2)});
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kLastReparentTooRecent), 1u);
}

TEST_F(KeyspaceEventTest, TheSamePrimaryIsNoReparent) {
  Report(1, true, 100);
  Tell({OneShard("0", true, 1)});
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(KeyspaceEventTest, AnEventThatDoesNotTellThePrimaryIsNoReparent) {
  Report(1, true, 100);
  Tell({OneShard("0", true)});
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
}

TEST_F(KeyspaceEventTest, TheTimestampOfTheReportsIsNotChanged) {
  Report(1, true, 100);
  Tell({OneShard("0", true, 1)});
  const AsyncRequest request = Fail();
  Report(1, true, 100);
  EXPECT_TRUE(Buffering());
}

TEST_F(KeyspaceEventTest, ADrainThatIsUnderWayGoesOn) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  Tell({OneShard("0", true, 2)});
  Tell({OneShard("0", false)});
  EXPECT_FALSE(second.done());
  first.EndRetry();
  PollAll();
  EXPECT_TRUE(second.released());
  EXPECT_EQ(Sum(Stats().stops), 1u);
}

}  // namespace
}  // namespace failover::test
