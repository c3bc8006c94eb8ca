// These tests give input that makes no sense. Each such input has a defined result, and none
// crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::SizeIs;

class BadInputTest : public BufferTest {
 protected:
  absl::Status Wait(std::string_view keyspace, std::string_view shard,
                    const absl::Status& error = absl::OkStatus()) {
    return buffer().WaitForFailoverEnd({}, keyspace, shard, error).status();
  }
  absl::Status WaitAsync(std::string_view keyspace, std::string_view shard,
                         const absl::Status& error = absl::OkStatus()) {
    return buffer()
        .WaitForFailoverEndAsync({}, keyspace, shard, error,
                                 [](absl::StatusOr<RetryDoneFunc>) { FAIL(); })
        .status();
  }

  const std::string longest_ = std::string(kMaxNameLength, 'n');
  const std::string too_long_ = std::string(kMaxNameLength + 1, 'n');
};

// ---- Names -------------------------------------------------------------------------------------

TEST_F(BadInputTest, TheLimitIs256Bytes) { EXPECT_EQ(kMaxNameLength, 256u); }

TEST_F(BadInputTest, EmptyNamesAreInvalid) {
  for (const absl::Status& error : {absl::OkStatus(), OtherError(), FailoverError()}) {
    for (const absl::Status& answer : {Wait("", "0", error), WaitAsync("", "0", error)}) {
      EXPECT_EQ(answer.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(answer.message()), HasSubstr("keyspace"));
    }
    for (const absl::Status& answer : {Wait("ks", "", error), WaitAsync("ks", "", error)}) {
      EXPECT_EQ(answer.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(answer.message()), HasSubstr("shard"));
    }
  }
}

TEST_F(BadInputTest, NamesOf256BytesAreFine) {
  EXPECT_TRUE(Wait(longest_, longest_).ok());
  EXPECT_TRUE(buffer().GetShard(longest_, longest_));
  EXPECT_TRUE(buffer().GetShardStats(longest_, longest_).has_value());
}

TEST_F(BadInputTest, NamesOf257BytesAreInvalid) {
  EXPECT_EQ(Wait(too_long_, "0").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Wait("ks", too_long_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WaitAsync(too_long_, "0").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WaitAsync("ks", too_long_).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BadInputTest, TheErrorTellsTheLengthAndIsItselfBounded) {
  const std::string monster(1000000, 'n');
  const std::string text(Wait("ks", monster).message());
  EXPECT_THAT(text, AllOf(HasSubstr("shard"), HasSubstr("256"), HasSubstr("1000000")));
  EXPECT_THAT(text, SizeIs(Lt(500u)));
}

TEST_F(BadInputTest, TheErrorIsNotOneOfABuffersReasons) {
  EXPECT_EQ(ReasonOf(Wait("", "0")), std::nullopt);
}

TEST_F(BadInputTest, BadNamesGiveInertHandles) {
  EXPECT_FALSE(buffer().GetShard("", "0"));
  EXPECT_FALSE(buffer().GetShard("ks", ""));
  EXPECT_FALSE(buffer().GetShard(too_long_, "0"));
  EXPECT_FALSE(buffer().GetShard("ks", too_long_));
  EXPECT_FALSE(buffer().GetShardStats("", "").has_value());
  EXPECT_FALSE(buffer().GetShardStats(too_long_, "0").has_value());
}

TEST_F(BadInputTest, TheFeedsIgnoreBadNames) {
  Report(1, true, 1, "");
  Report(1, true, 1, too_long_);
  TabletStats stats = PrimaryReport(1, true, 1);
  stats.target.keyspace = too_long_;
  buffer().StatsUpdate(stats);
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", too_long_, TabletType::kPrimary}, true}}, MoveTablesState::kSwitched});
  buffer().HandleKeyspaceEvent(
      {"", {{{}, {"", "0", TabletType::kPrimary}, true}}, MoveTablesState::kSwitched});
  EXPECT_TRUE(buffer().Stats().shards.empty());
  EXPECT_EQ(buffer().Stats().requests_skipped_too_many_shards, 0u);
}

TEST_F(BadInputTest, OneBadNameInAnEventDoesNotHideTheOthers) {
  const AsyncRequest request = Fail();
  buffer().HandleKeyspaceEvent({"ks",
                                {{{}, {"ks", "", TabletType::kPrimary}, true},
                                 {{}, {"ks", "0", TabletType::kPrimary}, true}},
                                MoveTablesState::kUnknown});
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(BadInputTest, NamesAreBytes) {
  const std::string with_zero("a\0b", 3);
  const ShardHandle handle = buffer().GetShard("ks", with_zero);
  EXPECT_TRUE(handle);
  EXPECT_NE(buffer().GetShard("ks", "a"), handle);
  EXPECT_EQ(buffer().GetShard("ks", with_zero), handle);
  EXPECT_TRUE(buffer().GetShard("ks/1", "0"));
  EXPECT_NE(buffer().GetShard("ks/1", "0"), buffer().GetShard("ks", "1/0"));
}

// ---- Durations ---------------------------------------------------------------------------------

TEST_F(BadInputTest, AnInfiniteTimeoutIsNone) {
  RequestContext context;
  context.timeout = absl::InfiniteDuration();
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(10));
  EXPECT_TRUE(request.released());
}

TEST_F(BadInputTest, AHugeTimeoutIsNone) {
  RequestContext context;
  context.timeout = absl::Seconds(std::numeric_limits<std::int64_t>::max());
  const AsyncRequest request = Fail(context);
  EXPECT_EQ(PollAll(), absl::Seconds(10));
}

TEST_F(BadInputTest, ANegativeTimeoutIsOver) {
  RequestContext context;
  context.timeout = -absl::InfiniteDuration();
  EXPECT_EQ(ReasonOf(Fail(context).refusal()), BufferErrorReason::kTimeout);
}

TEST_F(BadInputTest, AClockMayStartAnywhere) {
  for (const absl::Time start :
       {absl::UnixEpoch() - absl::Hours(1000000), absl::UnixEpoch() + absl::Hours(1000000)}) {
    SimulatedClock clock(start);
    BufferOptions options = ManualOptions();
    options.clock = &clock;
    Create(options);
    const AsyncRequest request = Fail();
    EXPECT_EQ(PollAll(), absl::Seconds(10));
    clock.Advance(absl::Seconds(10));
    PollAll();
    EXPECT_TRUE(request.released());
    Create(ManualOptions());
  }
}

// ---- Reports -----------------------------------------------------------------------------------

TEST_F(BadInputTest, AReportForAnUnknownShardMakesItKnown) {
  EXPECT_FALSE(buffer().GetShardStats("ks", "new").has_value());
  Report(1, true, 1, "new");
  EXPECT_TRUE(buffer().GetShardStats("ks", "new").has_value());
}

TEST_F(BadInputTest, AReportOfAnotherTypeDoesNot) {
  TabletStats stats = PrimaryReport(1, true, 1);
  stats.target.tablet_type = TabletType::kReplica;
  buffer().StatsUpdate(stats);
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

TEST_F(BadInputTest, AnEmptyReportIsIgnored) {
  buffer().StatsUpdate(TabletStats());
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

TEST_F(BadInputTest, ANegativeTimestampIsOlderThanNone) {
  const AsyncRequest request = Fail();
  Report(1, true, -1);
  Report(2, true, std::numeric_limits<std::int64_t>::min());
  PollAll();
  EXPECT_FALSE(request.done());
}

TEST_F(BadInputTest, ATimestampThatGoesBackIsOld) {
  Report(1, true, 100);
  const AsyncRequest request = Fail();
  Report(2, true, 50);
  PollAll();
  EXPECT_FALSE(request.done());
  Report(2, true, 101);
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(BadInputTest, AReportWithoutAnAliasIsAPrimaryLikeAnyOther) {
  const AsyncRequest request = Fail();
  TabletStats stats = PrimaryReport(0, true, 1);
  stats.alias = {};
  buffer().StatsUpdate(stats);
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(BadInputTest, AShardMayBeNamedTwiceInAnEvent) {
  const AsyncRequest request = Fail();
  buffer().HandleKeyspaceEvent({"ks",
                                {{{}, {"ks", "0", TabletType::kPrimary}, true},
                                 {{}, {"ks", "0", TabletType::kPrimary}, false}},
                                MoveTablesState::kUnknown});
  PollAll();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(Sum(Stats().stops), 1u);
}

// ---- Requests ----------------------------------------------------------------------------------

TEST_F(BadInputTest, AnUnrelatedErrorMakesNoShardKnown) {
  EXPECT_TRUE(Wait("ks", "new", OtherError()).ok());
  EXPECT_TRUE(buffer().Stats().shards.empty());
}

TEST_F(BadInputTest, AnEmptyCallbackIsRefusedIfItWouldBeNeeded) {
  EXPECT_TRUE(buffer().WaitForFailoverEndAsync({}, shard(), absl::OkStatus(), WaitCallback()).ok());
  const absl::Status refusal =
      buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), WaitCallback()).status();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Stats().requests_held, 0u);
}

TEST_F(BadInputTest, AFailoversErrorForAnUnknownShardIsHeld) {
  absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
      {}, "ks", "new", FailoverError(), [](absl::StatusOr<RetryDoneFunc>) {});
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(*request);
}

}  // namespace
}  // namespace failover::test
