// Measures shards that all fail over at once, as when a data centre is lost. One request is held
// for each shard.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "floor_queue.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

void Library(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<ShardName> known = MakeNames(static_cast<std::size_t>(state.range(1)));
  const absl::Status error = FailoverError();
  std::vector<BufferedRequest> held(count);
  for (auto _ : state) {
    // Each iteration needs a new Buffer, because the start guard does not let a shard fail over
    // twice in a row.
    const std::unique_ptr<Buffer> buffer =
        MakeBuffer(HoldingOptions(count, Threading::kServiceThread));
    std::vector<ShardHandle> shards;
    std::vector<TabletStats> promoted;
    for (const ShardName& name : known) buffer->StatsUpdate(ServingPrimary(name, 1));
    for (std::size_t i = 0; i < count; ++i) {
      const ShardName& name = known[i];
      shards.push_back(buffer->GetShard(name.keyspace, name.shard));
      promoted.push_back(ServingPrimary(name, 2));
    }
    const std::int64_t threads = ThreadCount();
    Returns returns;
    returns.Expect(count);

    const CpuStopwatch stopwatch(CpuStopwatch::Of::kAllThreads);
    for (std::size_t i = 0; i < count; ++i) {
      held[i] = *buffer->WaitForFailoverEndAsync({}, shards[i], error, returns.Callback(i));
    }
    const std::int64_t threads_meanwhile = ThreadCount();
    for (const TabletStats& report : promoted) buffer->StatsUpdate(report);
    returns.Wait();
    state.SetIterationTime(stopwatch.Seconds());

    Require(returns.failed() == 0, "a request failed");
    Require(threads_meanwhile == threads, "a failover took a thread of its own");
    for (BufferedRequest& request : held) request = BufferedRequest();
  }
}

void Floor(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  struct alignas(64) Shard {
    std::mutex mutex;
    FloorQueue queue;
  };
  std::vector<Shard> shards(count);
  for (auto _ : state) {
    std::size_t returned = 0;
    const CpuStopwatch stopwatch;
    for (std::size_t i = 0; i < count; ++i) {
      const std::lock_guard<std::mutex> lock(shards[i].mutex);
      FloorHold(shards[i].queue, [&returned, i](bool) { returned += i + 1 != 0; });
    }
    for (Shard& shard : shards) {
      const std::lock_guard<std::mutex> lock(shard.mutex);
      FloorRelease(shard.queue, true);
    }
    state.SetIterationTime(stopwatch.Seconds());
    Require(returned == count, "a request got lost");
  }
}

// The shape of another solution: a thread for each failover, which looks after the timers and the
// drain of this failover.
void ThreadPerFailover(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    struct Failover {
      std::mutex mutex;
      std::condition_variable over;
      bool is_over = false;
      std::thread thread;
    };
    std::vector<Failover> failovers(count);
    const CpuStopwatch stopwatch(CpuStopwatch::Of::kAllThreads);
    for (Failover& failover : failovers) {
      failover.thread = std::thread([&failover] {
        std::unique_lock<std::mutex> lock(failover.mutex);
        failover.over.wait(lock, [&failover] { return failover.is_over; });
      });
    }
    for (Failover& failover : failovers) {
      {
        const std::lock_guard<std::mutex> lock(failover.mutex);
        failover.is_over = true;
      }
      failover.over.notify_one();
    }
    for (Failover& failover : failovers) failover.thread.join();
    state.SetIterationTime(stopwatch.Seconds());
  }
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("shards")->UseManualTime()->Arg(1'000)->Arg(10'000);
}

BENCHMARK(Library)
    ->Name("many_shards/library")
    ->ArgNames({"shards", "known"})
    ->UseManualTime()
    ->Iterations(1)
    ->Args({1'000, 1'000})
    ->Args({10'000, 10'000})
    ->Args({10'000, 100'000});
BENCHMARK(Floor)->Name("many_shards/floor")->Apply(Arguments);
BENCHMARK(ThreadPerFailover)
    ->Name("many_shards/thread_per_failover")
    ->ArgName("shards")
    ->UseManualTime()
    ->Arg(1'000)
    ->Iterations(1);

// Measures how long the Buffer takes to get to know so many shards.
void LibraryKnow(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<ShardName> names = MakeNames(count);
  for (auto _ : state) {
    const std::unique_ptr<Buffer> buffer = MakeBuffer(HoldingOptions(1000, Threading::kManual));
    const CpuStopwatch stopwatch;
    for (const ShardName& name : names) {
      Require(static_cast<bool>(buffer->GetShard(name.keyspace, name.shard)), "too many shards");
    }
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, count);
}

BENCHMARK(LibraryKnow)
    ->Name("know_shards/library")
    ->ArgName("shards")
    ->UseManualTime()
    ->Iterations(1)
    ->Arg(1'000)
    ->Arg(100'000);

}  // namespace
}  // namespace failover::benchmarks
