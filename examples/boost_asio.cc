// A router on Boost.Asio: one loop that several threads run, and a strand for each client. The
// handler of a held query is called in the strand of its client, so nothing of a client needs a
// lock. A client that hangs up cancels the wait through the cancellation slot of the handler.

#include "failover/boost_asio.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

namespace net = boost::asio;

constexpr int kClients = 100;
constexpr int kHangUps = 10;

// The query of one client. Everything but Start and HangUp runs in the client's strand.
class Query {
 public:
  Query(net::thread_pool& threads, failover::Buffer& buffer, failover::ShardHandle shard,
        ToyPrimary& primary)
      : strand_(threads.get_executor()), buffer_(buffer), shard_(shard), primary_(primary) {}

  void Start() {
    net::post(strand_, [this] { GoOn(steps_.Start(Now(), {})); });
  }
  // The wait ends with kCancelled. If the query is not held, nothing happens.
  void HangUp() {
    net::post(strand_, [this] { hung_up_.emit(net::cancellation_type::terminal); });
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
        net::bind_cancellation_slot(hung_up_.slot(), net::bind_executor(strand_, on_end)));
  }

  const net::strand<net::thread_pool::executor_type> strand_;
  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  ToyPrimary& primary_;
  failover::RetrySteps steps_;
  net::cancellation_signal hung_up_;
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
  net::thread_pool threads(2);

  primary.BeginSwitchover();
  std::vector<std::unique_ptr<Query>> queries;
  for (int i = 0; i < kClients; ++i) {
    queries.push_back(std::make_unique<Query>(threads, **buffer, shard, primary));
    queries.back()->Start();
  }
  AwaitHeld(**buffer, kClients);
  std::for_each_n(queries.begin(), kHangUps, [](const auto& query) { query->HangUp(); });
  AwaitHeld(**buffer, kClients - kHangUps);
  primary.EndSwitchover();
  (*buffer)->StatsUpdate(primary.Report());

  // The threads end when no query waits any more.
  threads.join();
  int succeeded = 0;
  int hung_up = 0;
  for (const std::unique_ptr<Query>& query : queries) {
    if (query->result().ok()) ++succeeded;
    if (absl::IsCancelled(query->result())) ++hung_up;
  }
  std::printf("%d queries succeeded, %d clients hung up\n", succeeded, hung_up);
  return succeeded == kClients - kHangUps && hung_up == kHangUps ? 0 : 1;
}
