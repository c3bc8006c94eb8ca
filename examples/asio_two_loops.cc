// A router on standalone Asio with two event loops, each on a thread of its own. A held query costs
// no thread: its handler is called on its own loop when the wait has ended. A client that hangs up
// cancels the wait through the cancellation slot of the handler.

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "failover/asio.h"
#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

constexpr int kClients = 100;
constexpr int kHangUps = 10;

// The query of one client. Everything but Start and HangUp runs on the client's loop.
class Query {
 public:
  Query(asio::io_context& loop, failover::Buffer& buffer, failover::ShardHandle shard,
        ToyPrimary& primary)
      : loop_(loop), buffer_(buffer), shard_(shard), primary_(primary) {}

  void Start() {
    asio::post(loop_, [this] { GoOn(steps_.Start(Now(), {})); });
  }
  // The wait ends with kCancelled. If the query is not held, nothing happens.
  void HangUp() {
    asio::post(loop_, [this] { hung_up_.emit(asio::cancellation_type::terminal); });
  }

  const absl::Status& result() const { return steps_.result(); }

 private:
  using Step = failover::RetrySteps::Step;

  static absl::Time Now() { return failover::Clock::Steady().Now(); }

  // At kFinish a real router answers the client.
  void GoOn(Step step) {
    if (step == Step::kWait) return Wait();
    if (step == Step::kAttempt) return Try();
  }

  void Try() {
    const absl::Status status = primary_.Execute();
    GoOn(steps_.AttemptEnded(Now(), status, failover::AttemptOf(buffer_, status)));
  }

  void Wait() {
    auto on_end = [this](absl::StatusOr<failover::RetryDoneFunc> done) {
      GoOn(steps_.WaitEnded(Now(), std::move(done)));
    };
    failover::async_wait_for_failover_end(
        buffer_, steps_.context(Now()), shard_, failover::TakeLastAttempt(buffer_, steps_),
        asio::bind_cancellation_slot(hung_up_.slot(), asio::bind_executor(loop_, on_end)));
  }

  asio::io_context& loop_;
  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  ToyPrimary& primary_;
  failover::RetrySteps steps_;
  asio::cancellation_signal hung_up_;
};

void AwaitHeld(const failover::Buffer& buffer, std::uint64_t count) {
  while (buffer.GetShardStats("commerce", "-80")->requests_held != count) {
    std::this_thread::yield();
  }
}

}  // namespace

// Asio throws if it cannot open its descriptors.
int main() {  // NOLINT(bugprone-exception-escape)
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());
  asio::io_context loops[2];

  primary.BeginSwitchover();
  std::vector<std::unique_ptr<Query>> queries;
  for (int i = 0; i < kClients; ++i) {
    queries.push_back(std::make_unique<Query>(loops[i % 2], **buffer, shard, primary));
    queries.back()->Start();
  }
  std::vector<std::thread> threads;
  threads.reserve(2);
  for (asio::io_context& loop : loops) threads.emplace_back([&loop] { loop.run(); });

  AwaitHeld(**buffer, kClients);
  std::for_each_n(queries.begin(), kHangUps, [](const auto& query) { query->HangUp(); });
  AwaitHeld(**buffer, kClients - kHangUps);
  primary.EndSwitchover();
  (*buffer)->StatsUpdate(primary.Report());

  // A loop ends when none of its queries waits any more.
  for (std::thread& thread : threads) thread.join();
  int succeeded = 0;
  int hung_up = 0;
  for (const std::unique_ptr<Query>& query : queries) {
    if (query->result().ok()) ++succeeded;
    if (absl::IsCancelled(query->result())) ++hung_up;
  }
  std::printf("%d queries succeeded, %d clients hung up\n", succeeded, hung_up);
  return succeeded == kClients - kHangUps && hung_up == kHangUps ? 0 : 1;
}
