// Measures counted statements while no switchover is under way: a statement enters and leaves.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

constexpr std::size_t kMostShards = 1000;

void Library(benchmark::State& state) {
  static const std::unique_ptr<Buffer> buffer = MakeBuffer({});
  static const std::vector<ShardHandle> shards = [] {
    std::vector<ShardHandle> made;
    for (const ShardName& name : MakeNames(kMostShards)) {
      made.push_back(buffer->GetShard(name.keyspace, name.shard));
    }
    return made;
  }();
  const auto count = static_cast<std::size_t>(state.range(0));
  const absl::Status no_error;
  RequestContext context;
  context.work = Work::kStatement;
  std::size_t next = 0;
  for (auto _ : state) {
    absl::StatusOr<RetryDoneFunc> done =
        buffer->WaitForFailoverEnd(context, shards[next], no_error);
    if (!done.ok() || *done) return state.SkipWithError("a request did not pass");
    (*done)();
    if (++next == count) next = 0;
  }
}

struct alignas(64) Counter {
  std::atomic<std::int64_t> count{0};
};

// The floor: each thread has a counter of its own for each shard, and one load of a gate.
void Floor(benchmark::State& state) {
  static std::array<std::vector<Counter>, 2> counters = {std::vector<Counter>(kMostShards),
                                                         std::vector<Counter>(kMostShards)};
  static std::atomic<std::uint32_t> gate{0};
  std::vector<Counter>& own = counters[static_cast<std::size_t>(state.thread_index())];
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t next = 0;
  for (auto _ : state) {
    own[next].count.fetch_add(1);
    if (gate.load() != 0) return state.SkipWithError("the gate is closed");
    own[next].count.fetch_sub(1);
    if (++next == count) next = 0;
  }
}

// The shape of another solution: all threads share one counter for each shard.
void OneCounter(benchmark::State& state) {
  static std::vector<Counter> counters(kMostShards);
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t next = 0;
  for (auto _ : state) {
    counters[next].count.fetch_add(1);
    counters[next].count.fetch_sub(1);
    if (++next == count) next = 0;
  }
}

void Shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("shards")->Arg(1)->Arg(kMostShards)->Threads(1)->Threads(2)->UseRealTime();
}

BENCHMARK(Library)->Name("counted_work/library")->Apply(Shapes);
BENCHMARK(Floor)->Name("counted_work/floor")->Apply(Shapes);
BENCHMARK(OneCounter)->Name("counted_work/one_counter")->Apply(Shapes);

}  // namespace
}  // namespace failover::benchmarks
