// A router with a thread per core, as on Seastar. Each core has a loop and a Buffer of its own
// (Threading::kManual), so no core waits for another. The cores share a Budget: the room for held
// requests, and how many retries the new primary gets at once.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "failover/attempt_of.h"
#include "failover/budget.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

constexpr int kCores = 4;
constexpr int kClients = 25, kHangUps = 3;  // of each core

// The query of one client. Destroying the object while the query is held frees its slot.
class Query {
 public:
  Query(failover::Buffer& buffer, failover::ShardHandle shard, ToyPrimary& primary)
      : buffer_(buffer), shard_(shard), primary_(primary) {
    GoOn(steps_.Start(Now(), {}));
  }

  bool answered() const { return answered_; }
  bool succeeded() const { return steps_.result().ok(); }

 private:
  using Step = failover::RetrySteps::Step;

  static absl::Time Now() { return failover::Clock::Steady().Now(); }

  void GoOn(Step step) {
    if (step == Step::kWait) return Wait();
    answered_ = step == Step::kFinish;
    if (answered_) return;
    const absl::Status status = primary_.Execute();
    GoOn(steps_.AttemptEnded(Now(), status, failover::AttemptOf(buffer_, status)));
  }

  void Wait() {
    absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
        steps_.context(Now()), shard_, failover::TakeLastAttempt(buffer_, steps_),
        [this](absl::StatusOr<failover::RetryDoneFunc> done) {
          GoOn(steps_.WaitEnded(Now(), std::move(done)));
        });
    if (!held.ok()) return GoOn(steps_.WaitEnded(held.status()));
    held_ = *std::move(held);
    if (!held_) GoOn(steps_.WaitEnded(failover::RetryDoneFunc()));
  }

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  ToyPrimary& primary_;
  failover::RetrySteps steps_;
  failover::BufferedRequest held_;
  bool answered_ = false;
};

// One core. Its thread calls Serve. Any thread may call the other functions.
class Core {
 public:
  Core(const std::shared_ptr<failover::Budget>& budget, ToyPrimary& primary) : primary_(primary) {
    failover::BufferOptions options;
    options.threading = failover::Threading::kManual;
    options.wakeup = [this] { Wake(); };
    options.budget = budget;
    buffer_ = *failover::Buffer::Create(options);
  }

  void Report(const failover::TabletStats& stats) { buffer_->StatsUpdate(stats); }
  // Waits until the queries of this core are held.
  void AwaitHeld() { held_.get_future().wait(); }

  // Serves clients, of which some hang up. Returns how many queries succeeded.
  int Serve() {
    const failover::ShardHandle shard = buffer_->GetShard("commerce", "-80");
    std::vector<std::unique_ptr<Query>> queries;
    for (int i = 0; i < kClients; ++i) {
      queries.push_back(std::make_unique<Query>(*buffer_, shard, primary_));
    }
    queries.resize(kClients - kHangUps);
    held_.set_value();
    const auto answered = [](const std::unique_ptr<Query>& query) { return query->answered(); };
    while (!std::all_of(queries.begin(), queries.end(), answered)) RunOnce();
    return static_cast<int>(
        std::count_if(queries.begin(), queries.end(),
                      [](const std::unique_ptr<Query>& query) { return query->succeeded(); }));
  }

 private:
  void Wake() {
    const std::lock_guard<std::mutex> lock(mutex_);
    must_wake_ = true;
    woken_.notify_one();
  }
  // Stands in for one turn of the event loop of the core.
  void RunOnce() {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      woken_.wait_for(lock, absl::ToChronoNanoseconds(idle_for_),
                      [this] { return std::exchange(must_wake_, false); });
    }
    idle_for_ = std::min(buffer_->Poll(), absl::Duration(absl::Hours(1)));
  }

  ToyPrimary& primary_;
  std::promise<void> held_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool must_wake_ = false;
  absl::Duration idle_for_;
  std::unique_ptr<failover::Buffer> buffer_;
};

}  // namespace

int main() {
  failover::BudgetLimits limits;
  limits.size = std::int64_t{kCores} * kClients;
  limits.max_retries = 8;
  const std::shared_ptr<failover::Budget> budget = *failover::Budget::Create(limits);
  ToyPrimary primary;
  primary.BeginSwitchover();
  std::vector<std::unique_ptr<Core>> cores;
  for (int i = 0; i < kCores; ++i) cores.push_back(std::make_unique<Core>(budget, primary));
  std::vector<std::future<int>> succeeded;
  for (const auto& core : cores) {
    succeeded.push_back(std::async(std::launch::async, &Core::Serve, core.get()));
  }
  for (const auto& core : cores) core->AwaitHeld();
  const std::uint64_t held = budget->Stats().size - budget->Stats().slots_free;
  primary.EndSwitchover();
  for (const auto& core : cores) core->Report(primary.Report());

  int sum = 0;
  for (std::future<int>& of_core : succeeded) sum += of_core.get();
  std::printf("%d of %d queries succeeded\n", sum, static_cast<int>(held));
  return sum == kCores * (kClients - kHangUps) ? 0 : 1;
}
