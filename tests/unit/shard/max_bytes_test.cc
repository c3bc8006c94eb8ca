// These tests cover the limit on the memory that held requests keep in use.
#include <gtest/gtest.h>

#include <cstddef>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

RequestContext Bytes(std::size_t bytes) {
  RequestContext context;
  context.bytes = bytes;
  return context;
}

class MaxBytesTest : public BufferTest {
 protected:
  MaxBytesTest() {
    BufferOptions options = ManualOptions();
    options.size = 4;
    options.max_bytes = 100;
    Create(options);
  }
  std::uint64_t BytesHeld() { return buffer().Stats().bytes_held; }
  std::uint64_t SlotsFree() { return buffer().Stats().slots_free; }
  std::uint64_t Evicted() { return At(Stats().requests_evicted, EvictedReason::kBufferFull); }

  void ExpectFull(const AsyncRequest& request) {
    ASSERT_TRUE(request.refused());
    EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kBufferFull);
    EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kBufferFull), 1u);
  }
};

TEST_F(MaxBytesTest, WhatFitsIsHeld) {
  const AsyncRequest first = Fail(Bytes(60));
  const AsyncRequest second = Request(Bytes(40));
  PollAll();
  EXPECT_FALSE(first.done());
  EXPECT_TRUE(second.held());
  EXPECT_EQ(BytesHeld(), 100u);
  EXPECT_EQ(Evicted(), 0u);
}

TEST_F(MaxBytesTest, OneByteTooManyEvictsTheOldest) {
  const AsyncRequest first = Fail(Bytes(60));
  const AsyncRequest second = Request(Bytes(41));
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_TRUE(second.held());
  EXPECT_EQ(BytesHeld(), 41u);
  EXPECT_EQ(Evicted(), 1u);
}

TEST_F(MaxBytesTest, AsManyAsNeededAreEvictedAndNoMore) {
  const AsyncRequest first = Fail(Bytes(30));
  const AsyncRequest second = Request(Bytes(30));
  const AsyncRequest third = Request(Bytes(30));
  const AsyncRequest fourth = Request(Bytes(60));
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(second.reason(), BufferErrorReason::kEvicted);
  EXPECT_FALSE(third.done());
  EXPECT_TRUE(fourth.held());
  EXPECT_EQ(BytesHeld(), 90u);
}

TEST_F(MaxBytesTest, RequestsWithoutBytesAreEvictedOnTheWayToOneWithBytes) {
  const AsyncRequest first = Fail(Bytes(0));
  const AsyncRequest second = Request(Bytes(90));
  const AsyncRequest third = Request(Bytes(20));
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(second.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(BytesHeld(), 20u);
}

TEST_F(MaxBytesTest, TheSlotsOfThoseEvictedForTheirBytesAreFree) {
  const AsyncRequest first = Fail(Bytes(30));
  const AsyncRequest second = Request(Bytes(30));
  const AsyncRequest third = Request(Bytes(30));
  const AsyncRequest fourth = Request(Bytes(100));
  EXPECT_EQ(Evicted(), 3u);
  EXPECT_EQ(SlotsFree(), 3u);
}

TEST_F(MaxBytesTest, ExactlyTheLimitIsHeldAloneInItsShard) {
  const AsyncRequest first = Fail(Bytes(1));
  const AsyncRequest second = Request(Bytes(100));
  EXPECT_TRUE(second.held());
  EXPECT_EQ(BytesHeld(), 100u);
  EXPECT_EQ(Evicted(), 1u);
}

TEST_F(MaxBytesTest, MoreThanTheLimitIsRefusedAndNobodyIsEvicted) {
  const AsyncRequest first = Fail(Bytes(50));
  ExpectFull(Request(Bytes(101)));
  PollAll();
  EXPECT_FALSE(first.done());
  EXPECT_EQ(BytesHeld(), 50u);
  EXPECT_EQ(SlotsFree(), 3u);
}

TEST_F(MaxBytesTest, TheGreatestNumberIsMoreThanTheLimit) {
  const AsyncRequest first = Fail(Bytes(50));
  ExpectFull(Request(Bytes(static_cast<std::size_t>(-1))));
  EXPECT_EQ(BytesHeld(), 50u);
}

TEST_F(MaxBytesTest, BytesOfAnotherShardAreNotTaken) {
  const AsyncRequest other = FailOn(Shard("1"), Bytes(80));
  ExpectFull(Fail(Bytes(30)));
  PollAll();
  EXPECT_FALSE(other.done());
  EXPECT_EQ(BytesHeld(), 80u);
  EXPECT_EQ(SlotsFree(), 3u);
}

TEST_F(MaxBytesTest, NobodyIsEvictedInVain) {
  const AsyncRequest other = FailOn(Shard("1"), Bytes(80));
  const AsyncRequest own = Fail(Bytes(15));
  // The newcomer wants 21 bytes. 5 are free, and the eviction of the shard's own request would free
  // 15 more, so the newcomer is refused and the old request stays.
  ExpectFull(Request(Bytes(21)));
  PollAll();
  EXPECT_FALSE(own.done());
  EXPECT_EQ(Evicted(), 0u);
  EXPECT_EQ(BytesHeld(), 95u);
}

TEST_F(MaxBytesTest, TheFreeBytesAndTheOldestsTogetherMaySuffice) {
  const AsyncRequest other = FailOn(Shard("1"), Bytes(80));
  const AsyncRequest own = Fail(Bytes(15));
  const AsyncRequest newest = Request(Bytes(20));
  PollAll();
  EXPECT_EQ(own.reason(), BufferErrorReason::kEvicted);
  EXPECT_TRUE(newest.held());
  EXPECT_EQ(BytesHeld(), 100u);
}

TEST_F(MaxBytesTest, ARequestWithoutBytesAlwaysFits) {
  const AsyncRequest first = Fail(Bytes(100));
  const AsyncRequest second = Request(Bytes(0));
  PollAll();
  EXPECT_FALSE(first.done());
  EXPECT_TRUE(second.held());
}

TEST_F(MaxBytesTest, WithoutASlotNobodyIsEvictedForBytesThatDoNotSuffice) {
  const AsyncRequest other1 = FailOn(Shard("1"), Bytes(40));
  const AsyncRequest other2 = RequestTo(Shard("1"), Bytes(40));
  const AsyncRequest other3 = RequestTo(Shard("1"));
  const AsyncRequest own = Fail(Bytes(10));
  ASSERT_EQ(SlotsFree(), 0u);
  ExpectFull(Request(Bytes(21)));
  PollAll();
  EXPECT_FALSE(own.done());
  EXPECT_EQ(BytesHeld(), 90u);
}

TEST_F(MaxBytesTest, OneEvictionMayGiveTheSlotAndTheBytes) {
  const AsyncRequest first = Fail(Bytes(25));
  const AsyncRequest second = Request(Bytes(25));
  const AsyncRequest third = Request(Bytes(25));
  const AsyncRequest fourth = Request(Bytes(25));
  const AsyncRequest fifth = Request(Bytes(20));
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(Evicted(), 1u);
  EXPECT_EQ(BytesHeld(), 95u);
  EXPECT_EQ(SlotsFree(), 0u);
}

TEST_F(MaxBytesTest, TheFirstEvictedGivesItsSlotTheOthersOnlyTheirBytes) {
  const AsyncRequest first = Fail(Bytes(25));
  const AsyncRequest second = Request(Bytes(25));
  const AsyncRequest third = Request(Bytes(25));
  const AsyncRequest fourth = Request(Bytes(25));
  const AsyncRequest fifth = Request(Bytes(60));
  PollAll();
  EXPECT_EQ(Evicted(), 3u);
  EXPECT_EQ(BytesHeld(), 85u);
  EXPECT_EQ(SlotsFree(), 2u);
}

// ---- When held bytes are free again -------------------------------------------------------------

TEST_F(MaxBytesTest, BytesAreFreeAtTheReleaseTheSlotWhenTheRetryHasEnded) {
  AsyncRequest request = Fail(Bytes(70));
  EndFailover();
  ASSERT_TRUE(request.released());
  EXPECT_EQ(BytesHeld(), 0u);
  EXPECT_EQ(SlotsFree(), 3u);
  request.EndRetry();
  EXPECT_EQ(SlotsFree(), 4u);
}

TEST_F(MaxBytesTest, BytesAreFreeWhenTheWindowHasEnded) {
  const AsyncRequest request = Fail(Bytes(70));
  Advance(absl::Seconds(10));
  ASSERT_TRUE(request.released());
  EXPECT_EQ(BytesHeld(), 0u);
}

TEST_F(MaxBytesTest, BytesAreFreeWhenTheTimeoutHasEnded) {
  RequestContext context = Bytes(70);
  context.timeout = absl::Seconds(1);
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(request.done());
  EXPECT_EQ(BytesHeld(), 0u);
}

TEST_F(MaxBytesTest, BytesAreFreeOnceCancelled) {
  AsyncRequest request = Fail(Bytes(70));
  EXPECT_TRUE(request.handle().Cancel());
  EXPECT_EQ(BytesHeld(), 0u);
}

TEST_F(MaxBytesTest, BytesAreFreeWhenTheShardIsGone) {
  const AsyncRequest request = Fail(Bytes(70));
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  EXPECT_EQ(BytesHeld(), 0u);
}

// ---- Without a limit ----------------------------------------------------------------------------

TEST_F(MaxBytesTest, WithoutALimitBytesAreOnlyCounted) {
  Create(ManualOptions());
  const AsyncRequest first = Fail(Bytes(std::size_t{1} << 40));
  const AsyncRequest second = Request(Bytes(5));
  EXPECT_TRUE(second.held());
  EXPECT_EQ(BytesHeld(), (std::uint64_t{1} << 40) + 5);
  EXPECT_EQ(Evicted(), 0u);
}

}  // namespace
}  // namespace failover::test
