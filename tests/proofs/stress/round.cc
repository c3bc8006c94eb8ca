#include "round.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "fast_clock.h"
#include "poller.h"
#include "world.h"

namespace failover::test {
namespace {

using Client = void (*)(World&, Random);

const std::vector<Client>& Clients() {
  static const std::vector<Client> clients = {
    RunBlockingClient,
    RunBlockingClient,
    RunAsyncClient,
    RunAsyncClient,
    RunHealthFeed,
    RunOperator,
    RunRetryLoopClient,
    RunScraper,
    RunNeighbours,
#if defined(__cpp_impl_coroutine)
    RunCoroutineClient,
#endif
  };
  return clients;
}

class Round {
 public:
  explicit Round(std::uint64_t seed);
  RoundResult Run();

 private:
  std::shared_ptr<Budget> AnyBudget();
  BufferOptions AnyOptions();
  void Start();
  void ShutDownAmongTheClients();
  void LetTheClientsLeave();
  void DestroyAroundBlockedCallers();
  void StopChores();
  void ExpectLaws(bool all_given_back);
  void ExpectBudgetGivenBack();

  Random random_;
  FastClock fast_clock_;
  Poller poller_;
  Ledger ledger_;
  Chores chores_;
  bool manual_ = false;
  bool fast_ = false;
  // If true, some tokens and handles are dropped only after the Buffer is gone.
  bool late_chores_ = false;
  std::unique_ptr<Buffer> buffer_;
  std::optional<World> world_;
  std::vector<std::thread> clients_;
  std::atomic<std::size_t> clients_that_left_{0};
  std::atomic<bool> chores_stop_{false};
  std::thread chores_thread_;
};

Round::Round(std::uint64_t seed) : random_(seed) {
  buffer_ = *Buffer::Create(AnyOptions());
  world_.emplace(*buffer_, ledger_, chores_);
}

std::shared_ptr<Budget> Round::AnyBudget() {
  BudgetLimits limits;
  limits.size = random_.Of<std::int64_t>({1, 3, 8, 1000});
  limits.max_bytes = random_.OneIn(2) ? 100 : 0;
  limits.max_retries = random_.Of<std::int64_t>({1, 2, 8});
  return *Budget::Create(limits);
}

BufferOptions Round::AnyOptions() {
  BufferOptions options;
  manual_ = random_.OneIn(2);
  fast_ = random_.OneIn(2);
  late_chores_ = random_.OneIn(2);
  options.size = random_.Of<std::int64_t>({1, 2, 4, 16, 1000});
  options.max_bytes = random_.OneIn(3) ? 100 : 0;
  options.max_shards = random_.OneIn(4) ? 4 : 1000;
  options.drain_concurrency = random_.Of<std::int64_t>({1, 2, 8});
  options.window = absl::Seconds(1);
  options.max_failover_duration = absl::Seconds(2);
  options.min_time_between_failovers = absl::Seconds(4);
  if (random_.OneIn(2)) options.budget = AnyBudget();
  options.dry_run = random_.OneIn(8);
  if (options.dry_run || random_.OneIn(8)) options.keyspace_shards = "ks/0,ks/1";
  if (late_chores_) options.shutdown_grace = absl::Milliseconds(random_.Below(3));
  if (fast_) options.clock = &fast_clock_;
  if (manual_) {
    options.threading = Threading::kManual;
    options.wakeup = [this] {
      poller_.Wake();
      if (world_.has_value()) {
        ledger_.Expect(!world_->shut_down, "a wake-up came after Shutdown returned");
      }
    };
  }
  return options;
}

void Round::Start() {
  if (manual_) poller_.Start(*buffer_, fast_ ? FastClock::kSpeed : 1);
  chores_thread_ = std::thread([this, random = Random(random_.Seed())]() mutable {
    while (!chores_stop_) {
      if (!chores_.DoOne(random)) std::this_thread::yield();
    }
  });
  for (const Client client : Clients()) {
    clients_.emplace_back([this, client, random = Random(random_.Seed())] {
      client(*world_, random);
      ++clients_that_left_;
    });
  }
}

void Round::StopChores() {
  chores_stop_ = true;
  if (chores_thread_.joinable()) chores_thread_.join();
}

void Round::ShutDownAmongTheClients() {
  if (late_chores_) StopChores();
  std::thread other([this] {
    buffer_->Shutdown();
    world_->shut_down = true;
  });
  buffer_->Shutdown();
  world_->shut_down = true;
  other.join();
  world_->stop = true;
  for (std::thread& client : clients_) client.join();
  poller_.Stop();
  ExpectLaws(/*all_given_back=*/true);
}

void Round::LetTheClientsLeave() {
  world_->stop = true;
  while (clients_that_left_ < clients_.size()) {
    for (std::uint64_t shard = 0; shard < kShards; ++shard) {
      buffer_->StopBuffering(buffer_->GetShard("ks", ShardName(shard)));
    }
    std::this_thread::yield();
  }
  for (std::thread& client : clients_) client.join();
}

// Destroys the Buffer while threads are blocked in it. Their retries end after the Buffer is gone.
void Round::DestroyAroundBlockedCallers() {
  LetTheClientsLeave();
  ExpectLaws(/*all_given_back=*/false);
  // No client uses this shard, so the requests that it holds are those of the callers below.
  const ShardHandle shard = buffer_->GetShard("ks", "blocked");
  std::vector<std::thread> blocked;
  std::atomic<int> returned{0};
  const std::uint64_t callers = 1 + random_.Below(3);
  for (std::uint64_t i = 0; i < callers; ++i) {
    blocked.emplace_back([&] {
      // The call may be refused or evicted if the slots are few. It may pass if the shard is
      // draining.
      absl::StatusOr<RetryDoneFunc> done = buffer_->WaitForFailoverEnd({}, shard, absl::OkStatus());
      ++returned;
    });
  }
  // The returned callers are counted before the held ones, so that a caller that returns in between
  // is not counted twice.
  const auto all_have_come = [&] {
    const auto back = static_cast<std::uint64_t>(returned);
    const ShardStats stats = buffer_->GetShardStats("ks", "blocked").value_or(ShardStats());
    return back + stats.requests_held >= callers;
  };
  while (!all_have_come()) {
    buffer_->StartBuffering(shard, "a test");
    std::this_thread::yield();
  }
  if (late_chores_) StopChores();
  poller_.Stop();
  buffer_.reset();
  world_->shut_down = true;
  for (std::thread& caller : blocked) caller.join();
}

void Round::ExpectLaws(bool all_given_back) {
  const BufferStats stats = buffer_->Stats();
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;
  std::uint64_t evicted_for_newer = 0;
  for (const ShardStats& shard : stats.shards) {
    taken += shard.requests_held + shard.requests_retrying;
    refused += shard.requests_skipped[SkippedReason::kBufferFull];
    evicted_for_newer += shard.requests_evicted[EvictedReason::kBufferFull];
    std::uint64_t evicted = 0;
    for (const std::uint64_t count : shard.requests_evicted) evicted += count;
    ledger_.Expect(
        shard.requests_buffered == shard.requests_drained + evicted + shard.requests_held,
        "at the end: buffered != drained + evicted + held");
    if (!all_given_back) continue;
    std::uint64_t stops = 0;
    for (const std::uint64_t count : shard.stops) stops += count;
    ledger_.Expect(shard.starts == stops, "a failover began and did not end");
    ledger_.Expect(shard.state == State::kIdle, "a shard is not idle after Shutdown");
  }
  ledger_.Expect(ledger_.told(BufferErrorReason::kBufferFull) == refused,
                 "the refusals for want of room are not those that were counted");
  ledger_.Expect(ledger_.told(BufferErrorReason::kEvicted) <= evicted_for_newer,
                 "more requests were told of an eviction than were evicted");
  if (!all_given_back) return;
  ledger_.Expect(stats.slots_free + taken == stats.size, "slots are lost or doubled");
  ledger_.Expect(taken == 0, "slots are taken after Shutdown");
  ledger_.Expect(stats.bytes_held == 0, "bytes are held after Shutdown");
}

void Round::ExpectBudgetGivenBack() {
  if (world_->budget == nullptr) return;
  const BudgetStats stats = world_->budget->Stats();
  ledger_.Expect(stats.slots_free == stats.size, "slots of the budget are lost or doubled");
  ledger_.Expect(stats.bytes_held == 0, "bytes of the budget are lost or doubled");
  ledger_.Expect(stats.retries == 0, "turns of the budget are lost or doubled");
}

RoundResult Round::Run() {
  Start();
  world_->AwaitOperations(random_.Below(3000));
  if (random_.OneIn(3)) {
    DestroyAroundBlockedCallers();
  } else {
    ShutDownAmongTheClients();
    buffer_.reset();
  }
  // Tokens are left, and give nothing back.
  ExpectBudgetGivenBack();
  StopChores();
  while (chores_.DoOne(random_)) {
  }
  ExpectBudgetGivenBack();
  ledger_.ExpectEachTripEndedOnce();
  return RoundResult{ledger_.requests(), ledger_.failures()};
}

}  // namespace

RoundResult RunRound(std::uint64_t seed) { return Round(seed).Run(); }

}  // namespace failover::test
