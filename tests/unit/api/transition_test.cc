// These tests cover BufferOptions::on_transition: what it is told, in which order, on which
// thread, and what it may do.
#include "failover/transition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "failover/switchover.h"
#include "support/evidence_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using ::testing::ElementsAre;

std::string Line(const Transition& transition) {
  const auto text = [](std::string_view name) { return std::string(name); };
  return absl::StrCat(text(transition.shard_name), " ", text(ToString(transition.from)), ">",
                      text(ToString(transition.to)), " held ", transition.held);
}

class TransitionTest : public EvidenceTest {
 protected:
  void SetUp() override {
    BufferOptions options = ManualOptions();
    options.on_transition = [this](const Transition& transition) {
      told_.push_back(transition);
      lines_.push_back(Line(transition));
      if (then_) then_(transition);
    };
    Create(options);
  }
  void TearDown() override {
    then_ = nullptr;
    EvidenceTest::TearDown();
  }

  std::vector<Transition> told_;
  std::vector<std::string> lines_;
  // What the listener does then.
  std::function<void(const Transition&)> then_;
};

TEST_F(TransitionTest, EachChangeIsToldInOrder) {
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  EndFailover();
  first.EndRetry();
  PollAll();
  second.EndRetry();
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0", "0 Buffering>Draining held 2",
                                  "0 Draining>Idle held 0"));
}

TEST_F(TransitionTest, AnEmptyQueueDrainsAtOnce) {
  buffer().NoteRefused(shard(), "refused");
  buffer().StopBuffering(shard());
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0", "0 Buffering>Draining held 0",
                                  "0 Draining>Idle held 0"));
}

TEST_F(TransitionTest, AStoppedDrainIsTold) {
  Hear(1, true, 100);
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Hear(2, true, 200);
  Hear(2, false, 200);
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_EQ(lines_.back(), "0 Draining>Buffering held 1");
}

TEST_F(TransitionTest, WhyWhenAndForWhichShard) {
  const absl::Time begin = clock_.Now();
  Advance(absl::Seconds(7));
  Hear(1, true, 100);
  { const AsyncRequest request = Fail(); }
  Advance(absl::Seconds(1));
  Hear(2, true, 200);
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_[0].when, begin + absl::Seconds(7));
  EXPECT_EQ(told_[1].when, begin + absl::Seconds(8));
  EXPECT_EQ(told_[0].why, "a request failed because of a failover");
  EXPECT_EQ(told_[1].why, "NewPrimarySeen");
  EXPECT_EQ(told_[1].keyspace, "ks");
  EXPECT_EQ(told_[1].shard, shard());
}

TEST_F(TransitionTest, TheEpochIsTheNewOne) {
  Hear(1, true, 100);
  { const AsyncRequest request = Fail(); }
  const std::uint64_t before = shard().epoch();
  Hear(2, true, 200);
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_[0].epoch, before);
  EXPECT_EQ(told_[1].epoch, before + 1);
  EXPECT_EQ(shard().epoch(), before + 1);
}

TEST_F(TransitionTest, EachShardHasItsOwn) {
  const AsyncRequest here = FailOn(Shard("0"));
  const AsyncRequest there = FailOn(Shard("1"));
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0", "1 Idle>Buffering held 0"));
}

TEST_F(TransitionTest, ADryRunIsTold) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  options.on_transition = [this](const Transition& transition) {
    lines_.push_back(Line(transition));
  };
  Create(options);
  EXPECT_TRUE(Fail().passed());
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0"));
}

TEST_F(TransitionTest, AShutdownIsTold) {
  const AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0", "0 Buffering>Draining held 1",
                                  "0 Draining>Idle held 0"));
}

// ---- The listener may call the Buffer -----------------------------------------------------------

TEST_F(TransitionTest, TheListenerMayEndWhatItIsTold) {
  then_ = [this](const Transition& transition) {
    if (transition.to == State::kBuffering) buffer().StopBuffering(transition.shard);
  };
  AsyncRequest request = Fail();
  PollAll();
  EXPECT_TRUE(request.released());
  EXPECT_THAT(lines_, ElementsAre("0 Idle>Buffering held 0", "0 Buffering>Draining held 1"));
}

TEST_F(TransitionTest, AChangeInsideOfTheListenerIsToldAfterItReturned) {
  bool inside = false;
  bool nested = false;
  then_ = [&](const Transition& transition) {
    nested |= inside;
    inside = true;
    if (transition.to == State::kBuffering) buffer().StopBuffering(transition.shard);
    inside = false;
  };
  { const AsyncRequest request = Fail(); }
  EXPECT_FALSE(nested);
}

TEST_F(TransitionTest, TheListenerMayAskReportAndSend) {
  std::vector<AsyncRequest> sent;
  then_ = [&](const Transition& transition) {
    if (transition.to != State::kBuffering) return;
    EXPECT_EQ(Stats().state, State::kBuffering);
    Report(1, true, 1);
    sent.push_back(RequestTo(Shard("1")));
    EXPECT_EQ(buffer().Poll(), absl::InfiniteDuration()) << "it polls not inside a call";
  };
  AsyncRequest request = Fail();
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(TransitionTest, TheListenerMayShutDown) {
  then_ = [this](const Transition& transition) {
    if (transition.to == State::kBuffering) buffer().Shutdown();
  };
  AsyncRequest request = Fail();
  PollAll();
  EXPECT_TRUE(request.released());
  EXPECT_EQ(request.released_by(), StopReason::kShutdown);
  request.EndRetry();
  EXPECT_EQ(lines_.size(), 3u);
}

TEST_F(TransitionTest, TheListenerMayShutDownInsideAPoll) {
  const AsyncRequest request = Fail();
  then_ = [this](const Transition& transition) {
    if (transition.to == State::kDraining) buffer().Shutdown();
  };
  Pass(absl::Seconds(20), absl::Seconds(10));
  EXPECT_EQ(lines_.size(), 3u);
  EXPECT_EQ(state(), State::kIdle);
}

// ---- Threads ------------------------------------------------------------------------------------

BufferOptions OnServiceThread(std::function<void(const Transition&)> listener) {
  BufferOptions options;
  options.window = absl::Seconds(1);
  options.max_failover_duration = absl::Seconds(1);
  options.min_time_between_failovers = absl::Seconds(2);
  options.suspicion = absl::Milliseconds(5);
  options.on_transition = std::move(listener);
  return options;
}

TEST(TransitionThreadTest, AShutdownWaitsForTheListener) {
  Signal inside;
  Signal go;
  Signal returned;
  bool over = false;
  BufferOptions options = UnhurriedOptions();
  options.on_transition = [&](const Transition& transition) {
    if (transition.to != State::kBuffering) return;
    inside.Give();
    go.Await();
    over = true;
  };
  auto buffer = Buffer::Create(options).value();
  std::thread decides([&] { buffer->StartBuffering(buffer->GetShard("ks", "0"), "planned"); });
  ASSERT_TRUE(inside.Await());
  std::thread ends([&] {
    buffer->Shutdown();
    EXPECT_TRUE(over) << "the listener was still inside";
    returned.Give();
  });
  go.Give();
  EXPECT_TRUE(returned.Await());
  decides.join();
  ends.join();
}

// The thread that is still delivering an earlier change delivers the later one, too.
TEST(TransitionThreadTest, OneThreadAtATimeTells) {
  Signal inside;
  Signal go;
  std::vector<std::pair<std::string, std::thread::id>> told;
  BufferOptions options = UnhurriedOptions();
  options.on_transition = [&](const Transition& transition) {
    told.emplace_back(Line(transition), std::this_thread::get_id());
    if (transition.to != State::kBuffering) return;
    inside.Give();
    go.Await();
  };
  auto buffer = Buffer::Create(options).value();
  const ShardHandle shard = buffer->GetShard("ks", "0");
  std::thread decides([&] { buffer->StartBuffering(shard, "planned"); });
  const std::thread::id first = decides.get_id();
  ASSERT_TRUE(inside.Await());
  EXPECT_TRUE(buffer->StopBuffering(shard));
  go.Give();
  decides.join();
  ASSERT_EQ(told.size(), 3u);
  for (const auto& [line, thread] : told) EXPECT_EQ(thread, first) << line;
  EXPECT_EQ(told[1].first, "0 Buffering>Draining held 0");
}

TEST(TransitionThreadTest, TheServiceThreadMayShutDownInsideTheListener) {
  Signal returned;
  std::unique_ptr<Buffer> buffer;
  buffer = Buffer::Create(OnServiceThread([&](const Transition& transition) {
             if (transition.to != State::kDraining) return;
             buffer->Shutdown();
             returned.Give();
           })).value();
  buffer->StartBuffering(buffer->GetShard("ks", "0"), "planned");
  EXPECT_TRUE(returned.Await()) << "the service thread waits for itself";
}

TEST(TransitionThreadTest, ABufferThatIsDestroyedInsideItsListenerIsLoggedAndDoesNotHang) {
  LogCapture log;
  Signal returned;
  Signal gone;
  std::unique_ptr<Buffer> buffer;
  {
    BufferOptions options = UnhurriedOptions();
    // The Buffer destroys its listener last, on a thread that the test cannot join.
    const std::shared_ptr<void> end(nullptr, [&](void*) { gone.Give(); });
    options.on_transition = [&buffer, &returned, end](const Transition& transition) {
      if (transition.to == State::kBuffering) buffer.reset();
      if (transition.to == State::kIdle) returned.Give();
    };
    buffer = Buffer::Create(options).value();
  }
  buffer->NoteRefused(buffer->GetShard("ks", "0"), "refused");
  EXPECT_TRUE(returned.Await());
  EXPECT_TRUE(gone.Await());
  EXPECT_EQ(log.Count("destroyed inside its own on_transition"), 1u);
}

TEST(TransitionThreadTest, ASwitchoverWhoseBeginningDestroysTheBufferHasEnded) {
  Signal idle;
  Signal gone;
  std::unique_ptr<Buffer> buffer;
  {
    BufferOptions options = UnhurriedOptions();
    // The Buffer destroys its listener last, on a thread that the test cannot join.
    const std::shared_ptr<void> end(nullptr, [&](void*) { gone.Give(); });
    options.on_transition = [&buffer, &idle, end](const Transition& transition) {
      if (transition.to == State::kBuffering) buffer.reset();
      if (transition.to == State::kIdle) idle.Give();
    };
    buffer = Buffer::Create(options).value();
  }
  {
    const ShardHandle shard = buffer->GetShard("ks", "0");
    absl::StatusOr<Switchover> switchover = buffer->BeginSwitchover(shard, {});
    ASSERT_TRUE(switchover.ok()) << switchover.status();
    // Another thread ends the Buffer.
    ASSERT_TRUE(idle.Await());
    EXPECT_EQ(switchover->progress().end, SwitchoverEnd::kShutdown);
    EXPECT_EQ(switchover->Commit().code(), absl::StatusCode::kAborted);
    EXPECT_FALSE(switchover->Abort());
  }
  EXPECT_TRUE(gone.Await());
}

}  // namespace
}  // namespace failover::test
