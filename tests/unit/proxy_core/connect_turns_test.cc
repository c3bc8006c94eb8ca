// These tests cover whose turn it is to connect. They run the event loop by hand.
#include "proxy/core/connect_turns.h"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace proxy {
namespace {

constexpr absl::Duration kLong = absl::Hours(1);

// A session that connects until it is told to be done.
class Session {
 public:
  Session(ConnectTurns* turns, asio::io_context& io, absl::Duration patience = kLong)
      : turn_(std::in_place, turns, io.get_executor()) {
    asio::co_spawn(
        io.get_executor(),
        [this, patience]() -> Task<> { answer_ = co_await turn_->Await(patience); },
        asio::detached);
  }

  // What Await returned; nullopt: it has not returned.
  std::optional<bool> answer() const { return answer_; }
  void Cancel() { turn_->Cancel(); }
  void BeDone() { turn_.reset(); }

 private:
  std::optional<ConnectTurn> turn_;
  std::optional<bool> answer_;
};

class ConnectTurnsTest : public testing::Test {
 protected:
  // Runs what is ready.
  void RunLoop() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_{1};
  ConnectTurns turns_{2};
};

TEST_F(ConnectTurnsTest, WhoComesFirstIsFirst) {
  Session a(&turns_, io_);
  Session b(&turns_, io_);
  Session c(&turns_, io_);
  Session d(&turns_, io_);
  RunLoop();
  EXPECT_EQ(a.answer(), true);
  EXPECT_EQ(b.answer(), true);
  EXPECT_EQ(c.answer(), std::nullopt);
  EXPECT_EQ(turns_.waiting(), 2);
  b.BeDone();
  RunLoop();
  EXPECT_EQ(c.answer(), true);
  EXPECT_EQ(d.answer(), std::nullopt);
  a.BeDone();
  RunLoop();
  EXPECT_EQ(d.answer(), true);
  EXPECT_EQ(turns_.waiting(), 0);
}

TEST_F(ConnectTurnsTest, WhoCancelsGivesTheTurnOn) {
  Session a(&turns_, io_);
  Session b(&turns_, io_);
  Session waits(&turns_, io_);
  Session last(&turns_, io_);
  RunLoop();
  waits.Cancel();
  RunLoop();
  EXPECT_EQ(waits.answer(), false);
  waits.BeDone();
  EXPECT_EQ(turns_.waiting(), 1);
  a.BeDone();
  RunLoop();
  EXPECT_EQ(last.answer(), true);
}

// The turn was given to a session whose loop has not noticed yet.
TEST_F(ConnectTurnsTest, WhoGoesInTheMomentOfTheTurnGivesItOn) {
  Session a(&turns_, io_);
  Session b(&turns_, io_);
  auto goes = std::make_unique<Session>(&turns_, io_);
  Session last(&turns_, io_);
  RunLoop();
  a.BeDone();
  goes->Cancel();
  RunLoop();
  EXPECT_EQ(goes->answer(), false);
  EXPECT_EQ(last.answer(), std::nullopt);
  goes.reset();
  RunLoop();
  EXPECT_EQ(last.answer(), true);
}

// A backend that hangs keeps its turns, and must not hold up everybody.
TEST_F(ConnectTurnsTest, WhoHasNoMorePatienceConnectsWithoutATurn) {
  Session a(&turns_, io_);
  Session b(&turns_, io_);
  Session impatient(&turns_, io_, absl::Milliseconds(1));
  io_.run();
  EXPECT_EQ(impatient.answer(), true);
  EXPECT_EQ(turns_.waiting(), 0);
  impatient.BeDone();
  Session next(&turns_, io_);
  RunLoop();
  EXPECT_EQ(next.answer(), std::nullopt) << "there was no turn to give back";
  a.BeDone();
  RunLoop();
  EXPECT_EQ(next.answer(), true);
}

TEST_F(ConnectTurnsTest, WithoutALimitEverybodyHasATurn) {
  Session a(nullptr, io_);
  Session b(nullptr, io_);
  RunLoop();
  EXPECT_EQ(a.answer(), true);
  EXPECT_EQ(b.answer(), true);
  Session cancelled(nullptr, io_);
  cancelled.Cancel();
  RunLoop();
  EXPECT_EQ(cancelled.answer(), false);
}

// Event loops on threads of their own share the turns. A loop goes while others give turns: the
// giver once kept the alarm of a loop that was gone (BugAlarmOfALoopThatIsGone).
TEST(ConnectTurnsThreadsTest, NoMoreThanTheLimitConnectAtOnce) {
  constexpr int kLimit = 3;
  constexpr int kLoops = 4;
  constexpr int kSessions = 200;
  ConnectTurns turns(kLimit);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kLoops; ++i) {
    threads.emplace_back([&] {
      asio::io_context io(1);
      for (int session = 0; session < kSessions; ++session) {
        asio::co_spawn(
            io.get_executor(),
            [&]() -> Task<> {
              ConnectTurn turn(&turns, io.get_executor());
              if (!co_await turn.Await(kLong)) co_return;
              const int now = ++inside;
              int seen = most;
              while (seen < now && !most.compare_exchange_weak(seen, now)) {
              }
              co_await asio::post(io.get_executor(), asio::use_awaitable_t<Executor>());
              --inside;
              ++done;
            },
            asio::detached);
      }
      io.run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kLoops * kSessions);
  EXPECT_LE(most, kLimit);
  EXPECT_EQ(turns.waiting(), 0);
}

}  // namespace
}  // namespace proxy
