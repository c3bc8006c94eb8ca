// These tests cover the epoch of connections (docs/design.md, "Epochs").
#include <gtest/gtest.h>

#include <cstdint>

#include "failover/transition.h"
#include "support/evidence_test.h"

namespace failover::test {
namespace {

class EpochTest : public EvidenceTest {
 protected:
  // Whether the epoch has grown since the last call, or since the beginning.
  bool Grew() {
    const std::uint64_t now = shard().epoch();
    EXPECT_GE(now, last_);
    const bool grew = last_ != 0 && now > last_;
    last_ = now;
    return grew;
  }
  void SetUp() override {
    Hear(1, true, 100);
    Grew();
  }

 private:
  std::uint64_t last_ = 0;
};

TEST_F(EpochTest, AnInertHandleHasZero) { EXPECT_EQ(ShardHandle().epoch(), 0u); }

TEST_F(EpochTest, AShardHasAnotherOneThanZero) { EXPECT_GT(Shard("never-seen").epoch(), 0u); }

TEST_F(EpochTest, AnotherPrimary) {
  Hear(2, true, 200);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, AnotherPrimaryWithAnEqualTerm) {
  Hear(1, false, 100);
  Hear(2, true, 100);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, TheSamePrimaryAfterADown) {
  Hear(1, false, 100);
  EXPECT_FALSE(Grew());
  Hear(1, true, 100);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, TheSamePrimaryWithoutADown) {
  Hear(1, true, 100);
  Hear(1, true, 101);
  EXPECT_FALSE(Grew());
}

TEST_F(EpochTest, AServerThatIsNotBelieved) {
  Hear(2, true, 99);
  Hear(2, false, 300);
  EXPECT_FALSE(Grew());
}

TEST_F(EpochTest, AKeyspaceEvent) {
  buffer().HandleKeyspaceEvent(
      {"ks", {{{"zone1", 1}, {"ks", "0", TabletType::kPrimary}, true}}, MoveTablesState::kUnknown});
  EXPECT_TRUE(Grew());
}

// A connection that was made after the event may lead to the server that was the primary.
TEST_F(EpochTest, BugShardGone_TheNextPrimaryIsAnotherOne) {
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  ASSERT_TRUE(Grew());
  Hear(2, true, 200);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, BugShardGone_ANextPrimaryThatIsDownIsAnotherOne) {
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  ASSERT_TRUE(Grew());
  Hear(2, false, 200);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, BugShardGone_APrimaryThatAnEventNamesIsAnotherOne) {
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  ASSERT_TRUE(Grew());
  // An event of a move that is under way says only who the primary is.
  buffer().HandleKeyspaceEvent({"ks",
                                {{{"zone1", 2}, {"ks", "0", TabletType::kPrimary}, true}},
                                MoveTablesState::kSwitching});
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, TheFirstPrimaryIsNoOther) {
  const ShardHandle fresh = Shard("fresh");
  const std::uint64_t before = fresh.epoch();
  Report(1, true, 100, "fresh");
  EXPECT_EQ(fresh.epoch(), before);
}

TEST_F(EpochTest, AnotherShardIsLeftAlone) {
  Hear(1, true, 100);
  Report(1, true, 100, "1");
  const std::uint64_t before = Shard("1").epoch();
  Hear(2, true, 200);
  EXPECT_EQ(Shard("1").epoch(), before);
}

TEST_F(EpochTest, TheEndOfAHold) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(request, Attempt::kSucceeded);
  ASSERT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  EXPECT_FALSE(Grew());
}

TEST_F(EpochTest, TheEndOfAHoldInWhichARetryWasRefused) {
  AsyncRequest request = Fail();
  const AsyncRequest second = Request();
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(request, Attempt::kRefused);
  EXPECT_FALSE(Grew()) << "the hold has not ended";
  buffer().StopBuffering(shard());
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, TheEndOfAHoldThatARequestCameBackTo) {
  AsyncRequest request = FailReturning();
  Advance(absl::Seconds(1));
  AsyncRequest again = Return(request);
  Advance(absl::Milliseconds(50));
  Tell(again, Attempt::kSucceeded);
  ASSERT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  EXPECT_TRUE(Grew());
}

TEST_F(EpochTest, ASuspicionThatIsRefuted) {
  FailOverToServer2();
  Grew();
  AsyncRequest suspect = FailReturning();
  Advance(absl::Milliseconds(50));
  Tell(suspect, Attempt::kSucceeded);
  ASSERT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
  EXPECT_FALSE(Grew());
}

// The gate opens with the change to Draining, and from then on a router may connect.
TEST_F(EpochTest, ItGrowsBeforeTheGateOpens) {
  std::uint64_t told = 0;
  BufferOptions options = ManualOptions();
  options.on_transition = [&told](const Transition& transition) {
    if (transition.to == State::kDraining) told = transition.epoch;
  };
  Create(options);
  Hear(1, true, 100);
  AsyncRequest first = Fail();
  const std::uint64_t before = shard().epoch();
  Hear(2, true, 200);
  EXPECT_EQ(told, before + 1) << "another primary";
  first.EndRetry();
  PollAll();

  Hear(2, false, 200);
  AsyncRequest second = Request();
  Hear(2, true, 200);
  EXPECT_EQ(told, before + 2) << "the same primary after a report \"down\"";
  second.EndRetry();
  PollAll();

  AdvanceBeyondGuards();
  AsyncRequest third = FailReturning();
  Advance(absl::Seconds(1));
  AsyncRequest again = Return(third);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_EQ(told, before + 3) << "a hold in which a retry was refused";
  EXPECT_EQ(shard().epoch(), told);
}

TEST_F(EpochTest, OneChangeGrowsItOnce) {
  AsyncRequest request = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  Tell(request, Attempt::kRefused);
  const std::uint64_t before = shard().epoch();
  Hear(2, true, 200);
  EXPECT_EQ(shard().epoch(), before + 1);
}

}  // namespace
}  // namespace failover::test
