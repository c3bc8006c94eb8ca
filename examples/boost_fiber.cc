// A router whose threads run fibers, here those of Boost.Fiber. A held query parks its fiber, and
// the thread goes on with the other fibers. The Buffer has a thread of its own, which ends windows
// and timeouts.
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

#include "failover/attempt_of.h"
#include "failover/block_on.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

constexpr int kClients = 100;

// What parks a fiber. Other runtimes have such a class ready made.
class FiberBaton {
 public:
  // The fiber is woken under the mutex. So the fiber cannot return from Wait, and destroy the
  // baton, before this function is done with the baton.
  void Post() {
    const std::lock_guard<boost::fibers::mutex> lock(mutex_);
    posted_ = true;
    changed_.notify_one();
  }
  void Wait() {
    std::unique_lock<boost::fibers::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return posted_; });
  }

 private:
  boost::fibers::mutex mutex_;
  boost::fibers::condition_variable changed_;
  bool posted_ = false;
};

// What each client's fiber does with a query for the primary.
absl::Status Query(failover::Buffer& buffer, failover::ShardHandle shard, ToyPrimary& primary) {
  using Step = failover::RetrySteps::Step;
  const auto now = [] { return failover::Clock::Steady().Now(); };
  failover::RetrySteps steps;
  Step step = steps.Start(now(), {});
  while (step != Step::kFinish) {
    if (step == Step::kWait) {
      step = steps.WaitEnded(failover::WaitForFailoverEndOn<FiberBaton>(
          buffer, steps.context(now()), shard, failover::TakeLastAttempt(buffer, steps)));
    } else {
      const absl::Status status = primary.Execute();
      step = steps.AttemptEnded(now(), status, failover::AttemptOf(buffer, status));
    }
  }
  return steps.result();
}

}  // namespace

int main() {
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());

  primary.BeginSwitchover();
  int succeeded = 0;
  std::vector<boost::fibers::fiber> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      if (Query(**buffer, shard, primary).ok()) ++succeeded;
    });
  }
  // Every client runs until its fiber is parked. One thread holds all of them.
  while ((*buffer)->GetShardStats("commerce", "-80")->requests_held < kClients) {
    boost::this_fiber::yield();
  }
  primary.EndSwitchover();
  (*buffer)->StatsUpdate(primary.Report());
  for (boost::fibers::fiber& client : clients) client.join();
  std::printf("%d of %d queries succeeded\n", succeeded, kClients);
  return succeeded == kClients ? 0 : 1;
}
