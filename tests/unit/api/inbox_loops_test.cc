// Several event loops with an inbox each, in real threads: every callback runs on its own loop, and
// none runs after its handle or its inbox has gone.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "failover/inbox.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr int kLoops = 4;
constexpr int kRequestsOfALoop = 500;
// So many requests are under way in a loop at once.
constexpr int kAtOnce = 20;

// An event loop that does nothing but wait for its inbox.
class Loop {
 public:
  Loop(Buffer& buffer, ShardHandle shard) : buffer_(buffer), shard_(shard) {}

  void Run() {
    Inbox inbox([this] { Wake(); });
    inbox.Poll();
    while (submitted_ < kRequestsOfALoop) {
      while (requests_.size() < kAtOnce && submitted_ < kRequestsOfALoop) Submit(inbox);
      CancelSome();
      AwaitWake();
      while (inbox.Poll(7)) {
      }
      while (!requests_.empty() && requests_.front().ended) requests_.pop_front();
    }
    // The rest is dropped with the inbox. Their handles go afterwards.
    inbox_gone_ = true;
  }

  int callbacks() const { return callbacks_; }
  int cancelled() const { return cancelled_; }
  int wakes() const { return wakes_; }

 private:
  struct Request {
    BufferedRequest handle;
    bool ended = false;
  };

  void Wake() {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    ++wakes_;
    changed_.notify_one();
  }
  // The main thread holds and releases again and again, so something comes soon. If not, requests
  // have passed, and the loop submits new ones.
  void AwaitWake() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(1), [this] { return woken_; });
    woken_ = false;
  }

  void Submit(Inbox& inbox) {
    ++submitted_;
    requests_.emplace_back();
    Request& request = requests_.back();
    RequestContext context;
    context.inbox = &inbox;
    const std::thread::id home = std::this_thread::get_id();
    const absl::Status submitted = buffer_.WaitForFailoverEndAsync(
        context, shard_, Attempt::kNone,
        [this, &request, home](absl::StatusOr<RetryDoneFunc> done) {
          EXPECT_EQ(std::this_thread::get_id(), home);
          EXPECT_FALSE(request.ended);
          EXPECT_FALSE(inbox_gone_);
          ++callbacks_;
          request.ended = true;
          if (done.ok()) (*done)(Attempt::kSucceeded);
        },
        &request.handle);
    if (!submitted.ok() || !request.handle) request.ended = true;
  }

  // Every third request is given up by its client, at whatever moment that is.
  void CancelSome() {
    for (std::size_t i = 0; i < requests_.size(); i += 3) {
      if (!requests_[i].ended && requests_[i].handle.Cancel()) {
        requests_[i].ended = true;
        ++cancelled_;
      }
    }
  }

  Buffer& buffer_;
  const ShardHandle shard_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  int wakes_ = 0;

  // Used by the loop only. The addresses of the requests stay the same.
  std::deque<Request> requests_;
  int submitted_ = 0;
  int callbacks_ = 0;
  int cancelled_ = 0;
  bool inbox_gone_ = false;
};

TEST(InboxLoopsTest, CallbacksComeHomeAndNoneComesLate) {
  BufferOptions options = UnhurriedOptions();
  options.drain_concurrency = 8;
  absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(options);
  ASSERT_TRUE(buffer.ok());
  const ShardHandle shard = (*buffer)->GetShard("ks", "0");
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<int> running{kLoops};
  for (int i = 0; i < kLoops; ++i) {
    loops.push_back(std::make_unique<Loop>(**buffer, shard));
    threads.emplace_back([&loop = *loops.back(), &running] {
      loop.Run();
      --running;
    });
  }
  while (running > 0) {
    (*buffer)->StartBuffering(shard, "a test");
    std::this_thread::yield();
    (*buffer)->StopBuffering(shard);
  }
  for (std::thread& thread : threads) thread.join();
  const BufferStats stats = (*buffer)->Stats();
  EXPECT_EQ(stats.slots_free, stats.size);
  int callbacks = 0;
  for (const std::unique_ptr<Loop>& loop : loops) {
    callbacks += loop->callbacks();
    EXPECT_LE(loop->callbacks() + loop->cancelled(), kRequestsOfALoop);
  }
  EXPECT_GT(callbacks, 0);
  // A batch of callbacks costs one wake-up, so there are not more of them.
  for (const std::unique_ptr<Loop>& loop : loops) EXPECT_LE(loop->wakes(), kRequestsOfALoop);
}

}  // namespace
}  // namespace failover::test
