// These tests cover tokens and handles of shards as plain data, for interfaces that carry no C++
// type.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class OpaqueTest : public BufferTest {
 protected:
  // Returns the token of a request that was held and then released.
  RetryDoneFunc Token() {
    AsyncRequest request = Fail();
    EXPECT_TRUE(buffer().StopBuffering(shard()));
    PollAll();
    return std::move(request.token());
  }
  std::uint64_t Retrying() { return Stats().requests_retrying; }
};

TEST_F(OpaqueTest, ATokenComesBackAsItWas) {
  RetryDoneFunc token = Token();
  const OpaqueRetry opaque = token.Release();
  EXPECT_NE(opaque.words[0], 0u);
  EXPECT_EQ(Retrying(), 1u);
  RetryDoneFunc adopted = RetryDoneFunc::Adopt(opaque);
  EXPECT_TRUE(adopted);
  EXPECT_EQ(adopted.released_by(), StopReason::kManual);
  EXPECT_EQ(Retrying(), 1u);
  adopted(absl::OkStatus());
  EXPECT_EQ(Retrying(), 0u);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(OpaqueTest, WhatWasReleasedIsEmpty) {
  RetryDoneFunc token = Token();
  const OpaqueRetry opaque = token.Release();
  EXPECT_FALSE(token);
  EXPECT_EQ(token.released_by(), std::nullopt);
  token(absl::OkStatus());
  EXPECT_EQ(Retrying(), 1u);
  RetryDoneFunc::Adopt(opaque)();
  EXPECT_EQ(Retrying(), 0u);
}

TEST_F(OpaqueTest, AnEmptyTokenIsZeros) {
  const OpaqueRetry opaque = RetryDoneFunc().Release();
  EXPECT_EQ(opaque.words[0], 0u);
  EXPECT_EQ(opaque.words[1], 0u);
  EXPECT_FALSE(RetryDoneFunc::Adopt(opaque));
  EXPECT_FALSE(RetryDoneFunc::Adopt({}));
}

TEST_F(OpaqueTest, ATokenThatHasEndedStillSaysWhatItWas) {
  RetryDoneFunc token = Token();
  token();
  RetryDoneFunc adopted = RetryDoneFunc::Adopt(token.Release());
  EXPECT_TRUE(adopted);
  EXPECT_EQ(adopted.released_by(), StopReason::kManual);
  adopted();
  EXPECT_EQ(Retrying(), 0u);
}

TEST_F(OpaqueTest, TheOwnWindowIsNoReason) {
  AsyncRequest request = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(request.released());
  const RetryDoneFunc adopted = RetryDoneFunc::Adopt(request.token().Release());
  EXPECT_TRUE(adopted);
  EXPECT_EQ(adopted.released_by(), std::nullopt);
}

TEST_F(OpaqueTest, AStdFunctionCanCarryIt) {
  EXPECT_TRUE(std::is_trivially_copyable_v<OpaqueRetry>);
  RetryDoneFunc token = Token();
  const std::function<void()> task = [opaque = token.Release()] {
    RetryDoneFunc::Adopt(opaque)(Attempt::kSucceeded);
  };
  task();
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

TEST_F(OpaqueTest, AnAdoptedTokenCanComeBackToTheBuffer) {
  AsyncRequest request = Fail();
  EndFailover();
  ASSERT_TRUE(request.released());
  RetryDoneFunc adopted = RetryDoneFunc::Adopt(request.token().Release());
  AsyncRequest again(buffer(), shard(), LastAttempt(FailoverError()).After(std::move(adopted)), {});
  EXPECT_TRUE(again.held());
  EXPECT_EQ(Stats().requests_held_again, 1u);
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
}

TEST_F(OpaqueTest, ItOutlivesTheBuffer) {
  RetryDoneFunc token = Token();
  const OpaqueRetry opaque = token.Release();
  buffer().Shutdown();
  Destroy();
  RetryDoneFunc::Adopt(opaque)(FailoverError());
}

TEST_F(OpaqueTest, AShardComesBackAsItWas) {
  const std::uint64_t opaque = shard().ToOpaque();
  EXPECT_NE(opaque, 0u);
  EXPECT_EQ(ShardHandle::FromOpaque(opaque), shard());
  EXPECT_NE(ShardHandle::FromOpaque(opaque), Shard("1"));
  EXPECT_TRUE(AsyncRequest(buffer(), ShardHandle::FromOpaque(opaque), FailoverError(), {}).held());
}

TEST_F(OpaqueTest, AnInertShardIsZero) {
  EXPECT_EQ(ShardHandle().ToOpaque(), 0u);
  EXPECT_FALSE(ShardHandle::FromOpaque(0));
}

}  // namespace
}  // namespace failover::test
