// Races of the listener of transitions.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "failover/transition.h"
#include "named_races.h"
#include "sync_points.h"

namespace failover::test {
namespace {

TEST_F(NamedRacesTest, AShutdownWaitsForATransitionThatIsAboutToBeTold) {
  std::atomic<bool> shut_down{false};
  std::atomic<int> told{0};
  std::atomic<int> told_too_late{0};
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition&) { ++(shut_down ? told_too_late : told); };
  const std::unique_ptr<Buffer> buffer = Make(std::move(options));
  const ShardHandle shard = buffer->GetShard("ks", "0");
  ASSERT_TRUE(buffer->StartBuffering(shard, "planned"));
  // This decision wakes nobody, so the shutdown has nothing else to wait for.
  StopAt decided("stop-command:after-lock");
  Step stop([&] { buffer->StopBuffering(shard); });
  ASSERT_TRUE(decided.Await());
  Step shutdown([&] {
    buffer->Shutdown();
    shut_down = true;
  });
  ASSERT_TRUE(shutdown.EndsOrStands());
  decided.LetGo();
  ASSERT_TRUE(stop.Join());
  ASSERT_TRUE(shutdown.Join());
  EXPECT_EQ(told_too_late, 0);
  EXPECT_EQ(told, 3);
}

// Thread A has decided, and will tell the listener. Meanwhile thread B ends the hold. The listener
// then calls the Buffer about the same shard, and what it changes is told by the same thread.
TEST_F(NamedRacesTest, TheListenerCallsTheBufferWhileAnotherThreadChangesTheShard) {
  std::unique_ptr<Buffer> buffer;
  BufferedRequest held;
  std::vector<std::pair<State, State>> told;
  std::atomic<int> inside{0};
  bool cancelled = false;
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition& transition) {
    EXPECT_EQ(++inside, 1) << "one at a time";
    told.emplace_back(transition.from, transition.to);
    EXPECT_TRUE(buffer->GetShardStats("ks", "0").has_value());
    if (told.size() == 1) cancelled = held.Cancel();
    if (told.size() == 3) {
      EXPECT_TRUE(buffer->StartBuffering(buffer->GetShard("ks", "0"), "the listener"));
    }
    if (told.size() == 4) buffer->StatsUpdate(PrimaryReport(3, true, 300));
    --inside;
  };
  buffer = Make(std::move(options));
  const ShardHandle shard = buffer->GetShard("ks", "0");
  buffer->StatsUpdate(PrimaryReport(1, true, 100));
  StopAt decided("submit:after-lock");
  Step fail([&] {
    absl::StatusOr<BufferedRequest> made = buffer->WaitForFailoverEndAsync(
        {}, shard, FailoverError(), [](absl::StatusOr<RetryDoneFunc>) {});
    if (made.ok()) held = *std::move(made);
  });
  ASSERT_TRUE(decided.Await());
  buffer->StatsUpdate(PrimaryReport(2, true, 200));
  EXPECT_TRUE(told.empty()) << "thread A tells";
  decided.LetGo();
  ASSERT_TRUE(fail.Join());
  EXPECT_FALSE(cancelled) << "the call has not returned the handle yet";
  EXPECT_TRUE(held.Cancel());
  const std::vector<std::pair<State, State>> expected = {
      {State::kIdle, State::kBuffering},     {State::kBuffering, State::kDraining},
      {State::kDraining, State::kIdle},      {State::kIdle, State::kBuffering},
      {State::kBuffering, State::kDraining}, {State::kDraining, State::kIdle}};
  EXPECT_EQ(told, expected);
}

// The listener cancels the request whose release is the news.
TEST_F(NamedRacesTest, TheListenerCancelsARequestThatAnotherThreadReleases) {
  std::unique_ptr<Buffer> buffer;
  BufferedRequest held;
  bool cancelled = false;
  std::atomic<int> runs{0};
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition& transition) {
    if (transition.to == State::kDraining) cancelled = held.Cancel();
  };
  buffer = Make(std::move(options));
  absl::StatusOr<BufferedRequest> made =
      buffer->WaitForFailoverEndAsync({}, buffer->GetShard("ks", "0"), FailoverError(),
                                      [&runs](absl::StatusOr<RetryDoneFunc>) { ++runs; });
  ASSERT_TRUE(made.ok());
  held = *std::move(made);
  StopAt decided("report:after-lock");
  Step report([&] { buffer->StatsUpdate(PrimaryReport(2, true, 200)); });
  ASSERT_TRUE(decided.Await());
  Step poll([&] { buffer->Poll(); });
  ASSERT_TRUE(poll.EndsOrStands());
  decided.LetGo();
  ASSERT_TRUE(report.Join());
  ASSERT_TRUE(poll.Join());
  EXPECT_EQ(runs + (cancelled ? 1 : 0), 1) << "the request ends once";
}

}  // namespace
}  // namespace failover::test
