// These tests cover which requests pass and which are held, in each state of a shard.
#include <gtest/gtest.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class StateTableTest : public BufferTest {
 protected:
  // Takes the shard from Idle through Buffering to Draining. The retry of the returned request
  // keeps the drain going.
  AsyncRequest StartDraining() {
    AsyncRequest retrying = Fail();
    EndFailover();
    EXPECT_EQ(Stats().state, State::kDraining);
    return retrying;
  }
};

TEST_F(StateTableTest, IdlePassesARequestThatHasNotFailed) {
  EXPECT_TRUE(Request().passed());
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(StateTableTest, IdlePassesAnErrorThatNoFailoverCaused) {
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().starts, 0u);
}

TEST_F(StateTableTest, IdleStartsBufferingAndHoldsARequestThatAFailoverMadeFail) {
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(StateTableTest, BufferingHoldsARequestThatHasNotFailed) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Request();
  EXPECT_TRUE(second.held());
  EXPECT_EQ(Stats().requests_held, 2u);
}

TEST_F(StateTableTest, BufferingHoldsAnotherFailedRequestWithoutANewStart) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  EXPECT_TRUE(second.held());
  EXPECT_EQ(Stats().starts, 1u);
}

TEST_F(StateTableTest, BufferingPassesAnErrorThatNoFailoverCaused) {
  const AsyncRequest first = Fail();
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_EQ(Stats().requests_held, 1u);
}

TEST_F(StateTableTest, DrainingPassesARequestThatHasNotFailed) {
  const AsyncRequest retrying = StartDraining();
  EXPECT_TRUE(Request().passed());
}

TEST_F(StateTableTest, DrainingPassesARequestThatAFailoverMadeFail) {
  const AsyncRequest retrying = StartDraining();
  const ShardStats before = Stats();
  EXPECT_TRUE(Fail().passed());
  EXPECT_EQ(Stats().starts, before.starts);
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kDraining), 1u);
}

TEST_F(StateTableTest, DrainingEndsWithTheLastRetry) {
  AsyncRequest retrying = StartDraining();
  retrying.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(StateTableTest, AFailoverInWhichNobodyIsHeldEndsWithoutADrain) {
  { const AsyncRequest cancelled = Fail(); }
  EndFailover();
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().requests_drained, 0u);
}

TEST_F(StateTableTest, AfterTheGuardsTheNextFailoverStartsAnew) {
  StartDraining().EndRetry();
  AdvanceBeyondGuards();
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EXPECT_EQ(Stats().starts, 2u);
}

TEST_F(StateTableTest, AShardsFailoverIsItsOwn) {
  const AsyncRequest request = Fail();
  EXPECT_TRUE(RequestTo(Shard("1")).passed());
  EXPECT_EQ(Stats("1").state, State::kIdle);
}

TEST_F(StateTableTest, ShardsOfTheSameNameInTwoKeyspacesAreTwo) {
  const AsyncRequest request = Fail();
  EXPECT_TRUE(RequestTo(buffer().GetShard("other", "0")).passed());
}

TEST_F(StateTableTest, AHandleAndTheNamesMeanTheSameShard) {
  const AsyncRequest by_handle = Fail();
  absl::StatusOr<BufferedRequest> by_name = buffer().WaitForFailoverEndAsync(
      {}, "ks", "0", absl::OkStatus(), [](absl::StatusOr<RetryDoneFunc>) {});
  ASSERT_TRUE(by_name.ok());
  EXPECT_TRUE(*by_name);
  EXPECT_EQ(Stats().requests_held, 2u);
}

TEST_F(StateTableTest, AnInertHandleIsFalseAndItsRequestsPass) {
  const ShardHandle inert;
  EXPECT_FALSE(inert);
  EXPECT_TRUE(FailOn(inert).passed());
  EXPECT_TRUE(RequestTo(inert).passed());
  EXPECT_TRUE(shard());
  EXPECT_NE(shard(), inert);
  EXPECT_EQ(shard(), shard());
}

TEST_F(StateTableTest, AHandleIsAsSmallAsAPointer) {
  EXPECT_EQ(sizeof(ShardHandle), sizeof(void*));
  EXPECT_TRUE(std::is_trivially_copyable_v<ShardHandle>);
}

}  // namespace
}  // namespace failover::test
