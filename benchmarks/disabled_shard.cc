// Measures a shard for which buffering is disabled: its requests pass, and each request is counted.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

void Library(benchmark::State& state) {
  static const std::unique_ptr<Buffer> buffer = [] {
    BufferOptions options;
    options.keyspace_shards = "customer";
    return MakeBuffer(options);
  }();
  static const ShardHandle shard = buffer->GetShard("commerce", "-80");
  const absl::Status no_error;
  for (auto _ : state) {
    const absl::StatusOr<RetryDoneFunc> done = buffer->WaitForFailoverEnd({}, shard, no_error);
    if (!done.ok() || *done) return state.SkipWithError("a request did not pass");
  }
}

struct alignas(64) Counter {
  std::atomic<std::uint64_t> count{0};
};

// The floor: each thread has a counter of its own.
void Floor(benchmark::State& state) {
  static std::array<Counter, 2> counters;
  static std::atomic<std::uint32_t> gate{4};
  Counter& counter = counters[static_cast<std::size_t>(state.thread_index())];
  for (auto _ : state) {
    if (gate.load(std::memory_order_acquire) != 4)
      return state.SkipWithError("the shard is not disabled");
    counter.count.fetch_add(1, std::memory_order_relaxed);
  }
}

// The shape of another solution: all threads share one counter.
void SharedCounter(benchmark::State& state) {
  static Counter counter;
  for (auto _ : state) counter.count.fetch_add(1, std::memory_order_relaxed);
}

BENCHMARK(Library)->Name("disabled_shard/library")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(Floor)->Name("disabled_shard/floor")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(SharedCounter)->Name("disabled_shard/one_counter")->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace failover::benchmarks
