// Measures the whole trip of a coroutine that waits. The waiter lives in the coroutine's frame.
#include "failover/coroutine.h"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "coroutine_task.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

FireAndForget Request(Buffer& buffer, ShardHandle shard, std::size_t number, Returns& returns) {
  returns.Count(number, co_await AwaitFailoverEnd(buffer, {}, shard, absl::OkStatus()));
}

void Library(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  const std::unique_ptr<Buffer> buffer = MakeBuffer(HoldingOptions(held_count, Threading::kManual));
  const ShardName name = {"commerce", "-80"};
  const ShardHandle shard = buffer->GetShard(name.keyspace, name.shard);
  std::int64_t timestamp = 0;
  for (auto _ : state) {
    Returns returns;
    const CpuStopwatch stopwatch;
    Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
    for (std::size_t i = 0; i < held_count; ++i) Request(*buffer, shard, i, returns);
    buffer->StatsUpdate(ServingPrimary(name, ++timestamp));
    while (returns.released() < held_count) buffer->Poll();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, held_count);
}

void Floor(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::size_t returned = 0;
    FloorCoroutineQueue queue;
    const CpuStopwatch stopwatch;
    for (std::size_t i = 0; i < held_count; ++i) FloorCoroutine(queue, i, &returned);
    while (!queue.empty()) queue.ResumeFront();
    state.SetIterationTime(stopwatch.Seconds());
    Require(returned == held_count, "a coroutine got lost");
  }
  ReportTimePerItem(state, held_count);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("held")->UseManualTime()->Arg(10'000)->Arg(100'000);
}

BENCHMARK(Library)->Name("coroutine/library")->Apply(Arguments);
BENCHMARK(Floor)->Name("coroutine/floor")->Apply(Arguments);

}  // namespace
}  // namespace failover::benchmarks
