// In these tests callbacks do what they should not: they throw, or they destroy their Buffer, their
// handle, or themselves.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using CallbackDeathTest = BufferTest;

TEST_F(CallbackDeathTest, ACallbackThatThrowsTerminates) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const BufferedRequest handle = *buffer().WaitForFailoverEndAsync(
            {}, shard(), FailoverError(),
            [](const absl::StatusOr<RetryDoneFunc>&) { throw std::runtime_error("thrown here"); });
        EndFailover();
      },
      "thrown here");
}

TEST_F(CallbackDeathTest, ACallbackThatThrowsOnTheServiceThreadTerminates) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const std::unique_ptr<Buffer> buffer = *Buffer::Create({});
        const BufferedRequest handle = *buffer->WaitForFailoverEndAsync(
            {}, buffer->GetShard("ks", "0"), FailoverError(),
            [](const absl::StatusOr<RetryDoneFunc>&) { throw std::runtime_error("thrown here"); });
        buffer->Shutdown();
      },
      "thrown here");
}

// If the program went on, a request that is held already would be lost.
TEST_F(CallbackDeathTest, AWakeupThatThrowsTerminates) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  BufferOptions options = ManualOptions();
  options.wakeup = [] { throw std::runtime_error("thrown here"); };
  Create(std::move(options));
  EXPECT_DEATH(Fail(), "thrown here");
}

TEST_F(CallbackDeathTest, AClockThatThrowsTerminates) {
  struct ThrowingClock final : Clock {
    absl::Time Now() override {
      if (throws) throw std::runtime_error("thrown here");
      return absl::UnixEpoch();
    }
    bool throws = false;
  } clock;
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  BufferOptions options = ManualOptions();
  options.clock = &clock;
  Create(std::move(options));
  EXPECT_DEATH(
      {
        clock.throws = true;
        Fail();
      },
      "thrown here");
  Create(ManualOptions());  // The Buffer must be replaced before its clock is destroyed.
}

constexpr char kDestroyedInside[] = "destroyed inside one of its own callbacks";

// In these tests a Buffer is destroyed by one of its own callbacks, while other requests are held
// and while tokens exist.
class DestroyedInsideTest : public ::testing::TestWithParam<Threading> {
 protected:
  static constexpr int kOthers = 3;

  DestroyedInsideTest() {
    BufferOptions options = UnhurriedOptions();
    options.threading = GetParam();
    // All requests are released at once, so that some callbacks run after the callback that
    // destroys the Buffer.
    options.drain_concurrency = 1 + kOthers;
    buffer_ = *Buffer::Create(std::move(options));
    shard_ = buffer_->GetShard("ks", "0");
    Hold([this](absl::StatusOr<RetryDoneFunc> result) {
      tokens_.push_back(*std::move(result));
      buffer_.reset();
      destroyed_.Give();
    });
    for (int i = 0; i < kOthers; ++i) {
      Hold([this](absl::StatusOr<RetryDoneFunc> result) {
        if (result.ok()) tokens_.push_back(*std::move(result));
        other_ran_.Give();
      });
    }
  }

  void Hold(WaitCallback callback) {
    absl::StatusOr<BufferedRequest> handle =
        buffer_->WaitForFailoverEndAsync({}, shard_, FailoverError(), std::move(callback));
    ASSERT_TRUE(handle.ok()) << handle.status();
    handles_.push_back(*std::move(handle));
  }

  void ExpectAllRanAndNothingHurts() {
    EXPECT_TRUE(destroyed_.Await());
    EXPECT_TRUE(other_ran_.Await(kOthers));
    // The destructors of the handles wait for the last callback.
    handles_.clear();
    EXPECT_EQ(other_ran_.given(), kOthers);
    EXPECT_EQ(log_.Count(kDestroyedInside), 1u);
    EXPECT_EQ(tokens_.size(), 1u + kOthers);
    tokens_.clear();
  }

  LogCapture log_;
  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
  // The thread that runs the callbacks writes this member. The test reads it after the last
  // callback has run.
  std::vector<RetryDoneFunc> tokens_;
  Signal destroyed_;
  Signal other_ran_;
  std::vector<BufferedRequest> handles_;
};

INSTANTIATE_TEST_SUITE_P(All, DestroyedInsideTest,
                         ::testing::Values(Threading::kServiceThread, Threading::kManual),
                         [](const auto& threading) {
                           return threading.param == Threading::kManual ? "Manual" : "Service";
                         });

TEST_P(DestroyedInsideTest, AtTheEndOfAFailover) {
  Buffer* const buffer = buffer_.get();
  buffer->StopBuffering(shard_);
  if (GetParam() == Threading::kManual) buffer->Poll();
  ExpectAllRanAndNothingHurts();
}

TEST_P(DestroyedInsideTest, WhileAThreadIsBlocked) {
  RequestContext context;
  std::thread blocked([this, context, buffer = buffer_.get()] {
    const absl::StatusOr<RetryDoneFunc> done =
        buffer->WaitForFailoverEnd(context, shard_, FailoverError());
    EXPECT_TRUE(done.ok()) << done.status();
  });
  Buffer* const buffer = buffer_.get();
  while (buffer->GetShardStats("ks", "0")->requests_held < 2u + kOthers) std::this_thread::yield();
  buffer->StopBuffering(shard_);
  if (GetParam() == Threading::kManual) buffer->Poll();
  blocked.join();
  ExpectAllRanAndNothingHurts();
}

using DestroyedInsideManualTest = DestroyedInsideTest;
INSTANTIATE_TEST_SUITE_P(All, DestroyedInsideManualTest, ::testing::Values(Threading::kManual),
                         [](const auto&) { return "Manual"; });

TEST_P(DestroyedInsideManualTest, ByACallbackThatShutdownRuns) {
  Buffer* const buffer = buffer_.get();
  buffer->Shutdown();
  ExpectAllRanAndNothingHurts();
}

class CallbackTest : public BufferTest {};

TEST_F(CallbackTest, MayDestroyItsOwnHandle) {
  BufferedRequest handle;
  int runs = 0;
  handle = *buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(),
                                             [&](const absl::StatusOr<RetryDoneFunc>&) {
                                               ++runs;
                                               handle = BufferedRequest();
                                             });
  EndFailover();
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(handle);
}

// The callback owns its handle, so the handle is destroyed with the callback, in the middle of the
// call that ends the wait.
TEST_F(CallbackTest, MayOwnItsOwnHandle) {
  using Handle = std::optional<BufferedRequest>;
  const std::function<void(Handle&)> kEnds[] = {
      [this](Handle&) { EndFailover(); },
      [](Handle& handle) { EXPECT_TRUE(handle->Cancel()); },
      [](Handle& handle) { *handle = BufferedRequest(); },
      [](Handle& handle) { handle.reset(); },
  };
  for (const auto& end : kEnds) {
    auto owned = std::make_shared<Handle>();
    const std::weak_ptr<Handle> alive = owned;
    Handle& borrowed = *owned;
    borrowed = *buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(),
        [owned = std::move(owned)](const absl::StatusOr<RetryDoneFunc>&) {});
    EXPECT_FALSE(alive.expired());
    end(borrowed);
    EXPECT_TRUE(alive.expired());
    buffer().StopBuffering(shard());
    AdvanceBeyondGuards();
  }
}

TEST_F(CallbackTest, MayShutTheBufferDownAndHoldMore) {
  int runs = 0;
  const BufferedRequest first = *buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&](const absl::StatusOr<RetryDoneFunc>&) {
        ++runs;
        buffer().Shutdown();
        EXPECT_TRUE(Fail().passed());
      });
  const BufferedRequest second = *buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(), [&](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
  EndFailover();
  EXPECT_EQ(runs, 2);
}

TEST_F(CallbackTest, MayCancelTheOneThatWouldRunNext) {
  Create([this] {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 2;
    return options;
  }());
  BufferedRequest second;
  bool won = false;
  const BufferedRequest first = *buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(),
      [&](const absl::StatusOr<RetryDoneFunc>&) { won = second.Cancel(); });
  int runs = 0;
  second = *buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(),
                                             [&](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
  EndFailover();
  EXPECT_TRUE(won);
  EXPECT_EQ(runs, 0);
}

}  // namespace
}  // namespace failover::test
