// These tests run the waits of Asio on real threads: the Buffer has its service thread, and loops
// run, or are destroyed, on others.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "both_asios.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

template <class Net>
class AsioThreadsTest : public BufferTest {
 protected:
  AsioThreadsTest() {
    BufferOptions options = UnhurriedOptions();
    options.drain_concurrency = 100;
    Create(options);
  }

  void Hold() { ASSERT_TRUE(buffer().StartBuffering(shard(), "the test holds")); }
  void AwaitHeld(std::uint64_t count) {
    while (Stats().requests_held < count) std::this_thread::yield();
  }
  void AwaitIdle() {
    while (Stats().state != State::kIdle) std::this_thread::yield();
  }
};
TYPED_TEST_SUITE(AsioThreadsTest, BothAsios, AsioName);

// A client waits a number of times, one wait after the other, and cancels every third itself.
template <class Net>
class Client {
 public:
  Client(typename Net::IoContext& loop, Buffer& buffer, ShardHandle shard, int rounds, Signal& done)
      : strand_(loop.get_executor()), buffer_(buffer), shard_(shard), left_(rounds), done_(done) {}

  void Start() {
    Net::Post(strand_, [this] { Wait(); });
  }

  int released = 0;
  int cancelled = 0;

 private:
  void Wait() {
    Net::Wait(buffer_, {}, shard_, absl::OkStatus(),
              Net::BindSlot(signal_, Net::Bind(strand_, [this](Result result) {
                              OnAnswer(std::move(result));
                            })));
    if (left_ % 3 == 0) signal_.emit(Net::CancellationType::total);
  }

  void OnAnswer(Result result) {
    ASSERT_TRUE(strand_.running_in_this_thread());
    result.ok() ? ++released : ++cancelled;
    if (--left_ > 0) return Wait();
    done_.Give();
  }

  const typename Net::Strand strand_;
  Buffer& buffer_;
  const ShardHandle shard_;
  int left_;
  Signal& done_;
  typename Net::Signal signal_;
};

TYPED_TEST(AsioThreadsTest, EachWaitIsAnsweredOnceOnItsStrand) {
  constexpr int kClients = 30;
  constexpr int kRounds = 30;
  typename TypeParam::IoContext loops[2];
  Signal done;
  std::vector<std::unique_ptr<Client<TypeParam>>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client<TypeParam>>(loops[i % 2], this->buffer(),
                                                          this->shard(), kRounds, done));
    clients.back()->Start();
  }
  this->Hold();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&loops, i] { loops[i % 2].run(); });
  // Whatever is held is released, again and again, until every client has had all its rounds.
  while (done.given() < kClients) {
    this->buffer().StopBuffering(this->shard());
    this->AwaitIdle();
    this->buffer().StartBuffering(this->shard(), "the test holds again");
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& client : clients) EXPECT_EQ(client->released + client->cancelled, kRounds);
  this->buffer().StopBuffering(this->shard());
  this->AwaitIdle();
}

TYPED_TEST(AsioThreadsTest, ALoopMayGoWhileItsHandlersAreHandedOver) {
  constexpr int kRounds = 50;
  constexpr int kWaits = 8;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Answer> answers(kWaits);
    this->Hold();
    auto loop = std::make_unique<typename TypeParam::IoContext>();
    for (Answer& answer : answers) {
      TypeParam::Wait(this->buffer(), {}, this->shard(), absl::OkStatus(),
                      TypeParam::Bind(loop->get_executor(), NotingHandler(answer)));
    }
    std::thread other([this] { this->buffer().StopBuffering(this->shard()); });
    loop.reset();
    other.join();
    for (const Answer& answer : answers) {
      EXPECT_EQ(answer.calls, 0);
      EXPECT_TRUE(answer.destroyed);
    }
    this->AwaitIdle();
  }
  EXPECT_EQ(this->buffer().Stats().slots_free, this->buffer().Stats().size);
}

// A handler whose move takes long on another thread than the test's, that is when the handler is
// about to be posted. A loop that does not wait for the post is gone by then.
class SlowToMove {
 public:
  struct Shared {
    Signal moves;
    std::atomic<bool> loop_is_gone{false};
  };

  explicit SlowToMove(Shared& shared) : shared_(&shared) {}
  SlowToMove(SlowToMove&& other) noexcept : shared_(other.shared_), home_(other.home_) {
    if (std::this_thread::get_id() == home_ || shared_->moves.given() > 0) return;
    shared_->moves.Give();
    // A number of turns would take minutes on a machine with many busy threads.
    const auto enough = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
    while (!shared_->loop_is_gone && std::chrono::steady_clock::now() < enough) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(shared_->loop_is_gone);
  }
  void operator()(const Result&) const { ADD_FAILURE() << "nobody runs the loop"; }

 private:
  Shared* const shared_;
  const std::thread::id home_ = std::this_thread::get_id();
};

TYPED_TEST(AsioThreadsTest, TheEndOfALoopWaitsForAHandlerThatIsHandedOver) {
  SlowToMove::Shared shared;
  this->Hold();
  auto loop = std::make_unique<typename TypeParam::IoContext>();
  TypeParam::Wait(this->buffer(), {}, this->shard(), absl::OkStatus(),
                  TypeParam::Bind(loop->get_executor(), SlowToMove(shared)));
  this->buffer().StopBuffering(this->shard());
  ASSERT_TRUE(shared.moves.Await());
  loop.reset();
  shared.loop_is_gone = true;
  this->AwaitIdle();
}

TYPED_TEST(AsioThreadsTest, ABufferMayGoWhileLoopsRun) {
  constexpr int kWaits = 50;
  typename TypeParam::IoContext loop;
  std::vector<Answer> answers(kWaits);
  this->Hold();
  for (Answer& answer : answers) {
    TypeParam::Wait(this->buffer(), {}, this->shard(), absl::OkStatus(),
                    TypeParam::Bind(loop.get_executor(), [&answer](Result result) {
                      ++answer.calls;
                      // The token must not stay: the Buffer waits for it.
                      answer.result = result.ok() ? Result(RetryDoneFunc()) : std::move(result);
                    }));
  }
  std::thread runner([&loop] { loop.run(); });
  this->Destroy();
  runner.join();
  for (const Answer& answer : answers) EXPECT_TRUE(answer.passed());
}

}  // namespace
}  // namespace failover::test
