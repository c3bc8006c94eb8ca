// These tests cover a full buffer: the oldest request of the same shard makes room for the
// newcomer, and no other shard loses a request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::StartsWith;

class EvictionTest : public BufferTest {
 protected:
  EvictionTest() {
    BufferOptions options = ManualOptions();
    options.size = 2;
    Create(options);
  }
  std::uint64_t SlotsFree() { return buffer().Stats().slots_free; }
  std::uint64_t Evicted() { return At(Stats().requests_evicted, EvictedReason::kBufferFull); }
  std::uint64_t Skipped(std::string_view shard = "0") {
    return At(Stats(shard).requests_skipped, SkippedReason::kBufferFull);
  }
};

TEST_F(EvictionTest, TheOldestMakesRoomForTheNewest) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  const AsyncRequest third = Request();
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(first.error().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(second.done());
  EXPECT_TRUE(third.held());
  EXPECT_EQ(Evicted(), 1u);
  EXPECT_EQ(Stats().requests_buffered, 3u);
  EXPECT_EQ(Stats().requests_held, 2u);
}

TEST_F(EvictionTest, OneAfterTheOtherInTheOrderOfTheirArrival) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  const AsyncRequest third = Request();
  const AsyncRequest fourth = Request();
  const AsyncRequest fifth = Request();
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(second.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(third.reason(), BufferErrorReason::kEvicted);
  EXPECT_FALSE(fourth.done());
  EXPECT_FALSE(fifth.done());
}

TEST_F(EvictionTest, EachIsToldOfItsOwnShardAndItsOwnError) {
  BufferOptions options = ManualOptions();
  options.size = 4;
  Create(options);
  const AsyncRequest failed = FailOn(Shard("1"));
  const AsyncRequest other_failed = FailOn(Shard("2"));
  const AsyncRequest request = RequestTo(Shard("1"));
  const AsyncRequest other_request = RequestTo(Shard("2"));
  const AsyncRequest newer[] = {RequestTo(Shard("1")), RequestTo(Shard("1")), RequestTo(Shard("2")),
                                RequestTo(Shard("2"))};
  PollAll();
  const auto told = [](const AsyncRequest& evicted) {
    return std::string(evicted.error().message());
  };
  const std::string evicted = ": the buffer is full and the request was evicted for a newer one";
  EXPECT_EQ(told(request), "failover buffer, shard ks/1" + evicted);
  EXPECT_EQ(told(other_request), "failover buffer, shard ks/2" + evicted);
  EXPECT_THAT(told(failed), StartsWith("failover buffer, shard ks/1" + evicted + "; original"));
  EXPECT_THAT(told(other_failed), StartsWith("failover buffer, shard ks/2" + evicted + "; origin"));
}

TEST_F(EvictionTest, ASlotThatIsFreeIsTakenFirst) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  EXPECT_EQ(SlotsFree(), 0u);
  EXPECT_EQ(Evicted(), 0u);
}

TEST_F(EvictionTest, TheNewcomerInheritsTheSlotAtOnce) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  AsyncRequest third = Request();
  EXPECT_EQ(SlotsFree(), 0u);
  PollAll();
  EXPECT_TRUE(first.done());
  EXPECT_EQ(SlotsFree(), 0u);
  EXPECT_TRUE(third.handle().Cancel());
  EXPECT_EQ(SlotsFree(), 1u);
}

TEST_F(EvictionTest, AnotherShardsRequestsAreNeverEvicted) {
  const AsyncRequest first = FailOn(Shard("1"));
  const AsyncRequest second = RequestTo(Shard("1"));
  const AsyncRequest refused = Fail();
  ASSERT_TRUE(refused.refused());
  EXPECT_EQ(ReasonOf(refused.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_EQ(refused.refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Skipped(), 1u);
  EXPECT_EQ(Sum(Stats("1").requests_evicted), 0u);
  PollAll();
  EXPECT_FALSE(first.done());
}

TEST_F(EvictionTest, AShardWithOneHeldRequestEvictsItRatherThanAnothers) {
  const AsyncRequest other = FailOn(Shard("1"));
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_TRUE(second.held());
  EXPECT_FALSE(other.done());
}

TEST_F(EvictionTest, ARefusedRequestStillStartsTheFailover) {
  const AsyncRequest first = FailOn(Shard("1"));
  const AsyncRequest second = RequestTo(Shard("1"));
  EXPECT_TRUE(Fail().refused());
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(EvictionTest, RefusedRequestsAreNotCountedAsBuffered) {
  const AsyncRequest first = FailOn(Shard("1"));
  const AsyncRequest second = RequestTo(Shard("1"));
  EXPECT_TRUE(Fail().refused());
  EXPECT_EQ(Stats().requests_buffered, 0u);
}

TEST_F(EvictionTest, ASlotComesBackOnlyWhenTheRetryHasEnded) {
  AsyncRequest first = FailOn(Shard("1"));
  AsyncRequest second = RequestTo(Shard("1"));
  EndFailover("1");
  ASSERT_TRUE(first.released());
  EXPECT_TRUE(Fail().refused());
  first.EndRetry();
  const AsyncRequest held = Request();
  EXPECT_TRUE(held.held());
}

TEST_F(EvictionTest, RequestsThatAreBeingRetriedCannotBeEvicted) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(first.released());
  ASSERT_TRUE(second.released());
  ASSERT_EQ(Stats().state, State::kBuffering);
  EXPECT_TRUE(Request().refused());
  EXPECT_EQ(Skipped(), 1u);
  second.EndRetry();
  const AsyncRequest third = Request();
  EXPECT_TRUE(third.held());
}

TEST_F(EvictionTest, TheFreeSlotOfACancelledRequestIsTakenBeforeAnybodyIsEvicted) {
  const AsyncRequest first = Fail();
  AsyncRequest second = Request();
  EXPECT_TRUE(second.handle().Cancel());
  const AsyncRequest third = Request();
  PollAll();
  EXPECT_FALSE(first.done());
  EXPECT_TRUE(third.held());
  EXPECT_EQ(Evicted(), 0u);
}

TEST_F(EvictionTest, ASizeOfOneHoldsTheNewest) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  PollAll();
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_FALSE(second.done());
}

}  // namespace
}  // namespace failover::test
