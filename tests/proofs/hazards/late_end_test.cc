// In these tests tokens and handles are used after Shutdown, after the Buffer is gone, or while it
// is destroyed.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "failover/testing/simulated_clock.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

// The clock and the wakeup of this Buffer must not be used once they are destroyed.
class LateEndTest : public ::testing::Test {
 protected:
  LateEndTest() {
    BufferOptions options;
    options.threading = Threading::kManual;
    options.drain_concurrency = 2;
    options.clock = clock_.get();
    options.wakeup = [wakeups = wakeups_.get()] { ++*wakeups; };
    buffer_ = *Buffer::Create(std::move(options));
    const ShardHandle shard = buffer_->GetShard("ks", "0");
    for (int i = 0; i < 3; ++i) {
      handles_.push_back(*buffer_->WaitForFailoverEndAsync(
          {}, shard, FailoverError(), [this](absl::StatusOr<RetryDoneFunc> result) {
            if (result.ok()) tokens_.push_back(*std::move(result));
          }));
    }
    buffer_->StopBuffering(shard);
    buffer_->Poll();
    EXPECT_EQ(tokens_.size(), 2u);
  }

  void DestroyBufferAndAllItUses() {
    buffer_.reset();
    clock_.reset();
    wakeups_.reset();
  }

  std::unique_ptr<SimulatedClock> clock_ = std::make_unique<SimulatedClock>();
  std::unique_ptr<std::atomic<int>> wakeups_ = std::make_unique<std::atomic<int>>(0);
  std::vector<RetryDoneFunc> tokens_;
  std::vector<BufferedRequest> handles_;
  std::unique_ptr<Buffer> buffer_;
};

TEST_F(LateEndTest, ATokenIsInertAfterShutdown) {
  buffer_->Shutdown();
  EXPECT_EQ(buffer_->Stats().slots_free, buffer_->Stats().size);
  const std::uint64_t succeeded = buffer_->GetShardStats("ks", "0")->retries_succeeded;
  std::thread other([this] {
    for (RetryDoneFunc& token : tokens_) token(absl::OkStatus());
  });
  other.join();
  EXPECT_EQ(buffer_->Stats().slots_free, buffer_->Stats().size);
  EXPECT_EQ(buffer_->GetShardStats("ks", "0")->retries_succeeded, succeeded);
  EXPECT_TRUE(tokens_[0]);
}

TEST_F(LateEndTest, ATokenIsDestroyedOnAnotherThreadAfterTheBufferIsGone) {
  DestroyBufferAndAllItUses();
  ASSERT_EQ(tokens_.size(), 3u) << "Shutdown must release the last request, too";
  std::thread other([tokens = std::move(tokens_)]() mutable {
    tokens[0](absl::OkStatus());
    tokens[1](absl::UnavailableError("late"));
    EXPECT_EQ(tokens[0].released_by(), StopReason::kManual);
    tokens.clear();
  });
  other.join();
}

TEST_F(LateEndTest, AHandleIsUsedOnAnotherThreadAfterTheBufferIsGone) {
  DestroyBufferAndAllItUses();
  std::thread other([handles = std::move(handles_)]() mutable {
    EXPECT_FALSE(handles[0].Cancel());
    handles[1].Detach();
    handles.clear();
  });
  other.join();
}

TEST_F(LateEndTest, TokensAndHandlesEndOnOtherThreadsWhileTheBufferGoes) {
  std::vector<std::thread> others;
  for (RetryDoneFunc& token : tokens_) {
    others.emplace_back([token = std::move(token)]() mutable { token(absl::OkStatus()); });
  }
  for (BufferedRequest& handle : handles_) {
    others.emplace_back([handle = std::move(handle)]() mutable { handle.Cancel(); });
  }
  tokens_.clear();
  DestroyBufferAndAllItUses();
  for (std::thread& other : others) other.join();
}

}  // namespace
}  // namespace failover::test
