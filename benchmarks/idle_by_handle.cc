// Measures what every request pays while nothing fails over, with a shard that was resolved before.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// A single thread uses the first shard. Two threads either share the first shard, or each uses its
// own shard.
enum Shards : std::int64_t { kOneShard = 1, kShardPerThread = 2 };

std::size_t ShardIndex(const benchmark::State& state) {
  return state.range(0) == kShardPerThread ? static_cast<std::size_t>(state.thread_index()) : 0;
}

// Stands for the query between the wait and the end of the retry: a call into which the compiler
// cannot look.
template <typename T>
void Execute(T& token) {
  benchmark::DoNotOptimize(&token);
  benchmark::ClobberMemory();
}

void Library(benchmark::State& state) {
  static const std::unique_ptr<Buffer> buffer = MakeBuffer({});
  static const std::array<ShardHandle, 2> shards = {buffer->GetShard("commerce", "-80"),
                                                    buffer->GetShard("commerce", "80-")};
  const ShardHandle shard = shards[ShardIndex(state)];
  const absl::Status no_error;
  for (auto _ : state) {
    const absl::StatusOr<RetryDoneFunc> done = buffer->WaitForFailoverEnd({}, shard, no_error);
    if (!done.ok()) return state.SkipWithError("a request did not pass");
    Execute(done);
  }
}

// What a router pays to learn whether a connection of its pool may lead to an old primary.
void Epoch(benchmark::State& state) {
  static const std::unique_ptr<Buffer> buffer = MakeBuffer({});
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  for (auto _ : state) {
    const std::uint64_t epoch = shard.epoch();
    if (epoch == 0) return state.SkipWithError("a shard has no epoch");
    Execute(epoch);
  }
}

struct alignas(64) Gate {
  std::atomic<std::uint32_t> bits{2};
};

void Floor(benchmark::State& state) {
  static std::array<Gate, 2> gates;
  const Gate& gate = gates[ShardIndex(state)];
  for (auto _ : state) {
    const bool passes = (gate.bits.load(std::memory_order_acquire) & 1) == 0;
    if (!passes) return state.SkipWithError("a request did not pass");
    Execute(passes);
  }
}

struct alignas(64) LockedState {
  std::shared_mutex mutex;
  std::uint32_t bits = 2;
};

void ReaderLock(benchmark::State& state) {
  static std::array<LockedState, 2> states;
  LockedState& shard = states[ShardIndex(state)];
  for (auto _ : state) {
    bool passes = false;
    {
      const std::shared_lock<std::shared_mutex> lock(shard.mutex);
      passes = (shard.bits & 1) == 0;
    }
    if (!passes) return state.SkipWithError("a request did not pass");
    Execute(passes);
  }
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("shards")->UseRealTime();
  benchmark->Arg(kOneShard)->Arg(kShardPerThread)->Threads(1)->Threads(2);
}

BENCHMARK(Library)->Name("idle_by_handle/library")->Apply(Arguments);
BENCHMARK(Floor)->Name("idle_by_handle/floor")->Apply(Arguments);
BENCHMARK(Epoch)->Name("idle_by_handle/epoch")->ArgName("shards")->UseRealTime()->Arg(kOneShard);
BENCHMARK(ReaderLock)->Name("idle_by_handle/reader_lock")->Apply(Arguments);

}  // namespace
}  // namespace failover::benchmarks
