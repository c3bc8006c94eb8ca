// Two Buffers in one process must share nothing, even if their shards have the same names.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class TwoBuffersTest : public ::testing::Test {
 protected:
  static BufferedRequest Hold(Buffer& buffer, WaitCallback callback) {
    absl::StatusOr<BufferedRequest> handle = buffer.WaitForFailoverEndAsync(
        {}, buffer.GetShard("ks", "0"), FailoverError(), std::move(callback));
    EXPECT_TRUE(handle.ok()) << handle.status();
    return handle.ok() ? *std::move(handle) : BufferedRequest();
  }
  static State StateOf(const Buffer& buffer) { return buffer.GetShardStats("ks", "0")->state; }

  std::unique_ptr<Buffer> one_ = *Buffer::Create(UnhurriedOptions());
  std::unique_ptr<Buffer> two_ = *Buffer::Create(UnhurriedOptions());
};

TEST_F(TwoBuffersTest, TheFailoverOfOneIsNoneOfTheOther) {
  Signal ran;
  const auto run = [&ran](const absl::StatusOr<RetryDoneFunc>&) { ran.Give(); };
  const BufferedRequest first = Hold(*one_, run);
  BufferedRequest second = Hold(*two_, run);
  EXPECT_NE(one_->GetShard("ks", "0"), two_->GetShard("ks", "0"));
  one_->StatsUpdate(PrimaryReport(1, true, 1));
  EXPECT_TRUE(ran.Await());
  EXPECT_EQ(StateOf(*two_), State::kBuffering);
  one_->Shutdown();
  EXPECT_EQ(StateOf(*two_), State::kBuffering);
  EXPECT_TRUE(second.Cancel());
  EXPECT_EQ(ran.given(), 1);
}

TEST_F(TwoBuffersTest, ACallbackOfOneMayUseAndDestroyTheOther) {
  Signal other_ran;
  Signal ran;
  BufferedRequest second =
      Hold(*two_, [&](const absl::StatusOr<RetryDoneFunc>&) { other_ran.Give(); });
  const BufferedRequest first = Hold(*one_, [&](const absl::StatusOr<RetryDoneFunc>&) {
    EXPECT_FALSE(two_->StartBuffering(two_->GetShard("ks", "0"), "it does already"));
    // This callback does not belong to two_, so the destructor of two_ does all its work before it
    // returns.
    two_.reset();
    EXPECT_EQ(other_ran.given(), 1);
    EXPECT_FALSE(second.Cancel());
    ran.Give();
  });
  one_->StatsUpdate(PrimaryReport(1, true, 1));
  EXPECT_TRUE(ran.Await());
}

}  // namespace
}  // namespace failover::test
