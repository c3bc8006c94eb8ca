// Measures resident memory. Each benchmark of this file needs a process of its own: memory that an
// earlier benchmark gave back to malloc would hide what a later benchmark takes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "coroutine_task.h"
#include "failover/buffer.h"
#include "failover/coroutine.h"
#include "floor_queue.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// Reports how much the process grew since this object was made.
class Growth {
 public:
  std::int64_t Bytes() const { return ResidentBytes() - before_; }
  void Report(benchmark::State& state, std::size_t items) const {
    const std::int64_t bytes = Bytes();
    state.counters["bytes"] = static_cast<double>(bytes);
    state.counters["bytes_per_item"] = static_cast<double>(bytes) / static_cast<double>(items);
  }

 private:
  const std::int64_t before_ = ResidentBytes();
};

// Measures a held request with everything that belongs to the request: the callback, the node, and
// the handle that the router keeps.
void HeldLibrary(benchmark::State& state, const absl::Status& error) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::unique_ptr<Buffer> buffer =
      MakeBuffer(HoldingOptions(count, Threading::kServiceThread));
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
  const std::int64_t threads = ThreadCount();
  Returns returns;
  returns.Expect(count);
  for (auto _ : state) {
    const Growth growth;
    std::vector<BufferedRequest> held(count);
    for (std::size_t i = 0; i < count; ++i) {
      held[i] = *buffer->WaitForFailoverEndAsync({}, shard, error, returns.Callback(i));
    }
    growth.Report(state, count);
    Require(ThreadCount() == threads, "a held request took a thread");
    Require(buffer->Stats().slots_free == 0, "a request was not held");
    buffer->StatsUpdate(ServingPrimary({"commerce", "-80"}, 1));
    returns.Wait();
  }
}

void HeldFloor(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::size_t returned = 0;
    FloorQueue queue;
    const Growth growth;
    for (std::size_t i = 0; i < count; ++i) {
      FloorHold(queue, [&returned, i](bool) { returned += i + 1 != 0; });
    }
    growth.Report(state, count);
    while (!queue.empty()) FloorRelease(queue, true);
    Require(returned == count, "a request got lost");
  }
}

FireAndForget Request(Buffer& buffer, ShardHandle shard, std::size_t number, Returns& returns) {
  returns.Count(number, co_await AwaitFailoverEnd(buffer, {}, shard, absl::OkStatus()));
}

void CoroutineLibrary(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::unique_ptr<Buffer> buffer =
      MakeBuffer(HoldingOptions(count, Threading::kServiceThread));
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
  Returns returns;
  returns.Expect(count);
  for (auto _ : state) {
    const Growth growth;
    for (std::size_t i = 0; i < count; ++i) Request(*buffer, shard, i, returns);
    growth.Report(state, count);
    Require(buffer->Stats().slots_free == 0, "a coroutine was not held");
    buffer->StatsUpdate(ServingPrimary({"commerce", "-80"}, 1));
    returns.Wait();
  }
}

void CoroutineFloor(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::size_t returned = 0;
    FloorCoroutineQueue queue;
    const Growth growth;
    for (std::size_t i = 0; i < count; ++i) FloorCoroutine(queue, i, &returned);
    growth.Report(state, count);
    while (!queue.empty()) queue.ResumeFront();
    Require(returned == count, "a coroutine got lost");
  }
}

// Measures a shard that is known and at rest, with everything that is needed to find it by name.
void ShardLibrary(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<ShardName> names = MakeNames(count);
  for (auto _ : state) {
    const Growth growth;
    const std::unique_ptr<Buffer> buffer = MakeBuffer(HoldingOptions(1000, Threading::kManual));
    for (const ShardName& name : names) {
      buffer->StatsUpdate(ServingPrimary(name, 1));
    }
    growth.Report(state, count);
    Require(buffer->Stats().shards.size() == count, "a shard is not known");
  }
}

void ShardFloor(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<ShardName> names = MakeNames(count);
  struct alignas(64) Shard {
    explicit Shard(const ShardName& name_to_keep) : name(name_to_keep) {}
    std::uint64_t bits = 0;
    ShardName name;
  };
  for (auto _ : state) {
    const Growth growth;
    std::vector<std::unique_ptr<Shard>> shards;
    for (const ShardName& name : names) shards.push_back(std::make_unique<Shard>(name));
    growth.Report(state, count);
  }
}

// Measures how long the kernel takes for a page that is touched for the first time. On a virtual
// machine, much of this time is the hypervisor's.
void FreshPage(benchmark::State& state) {
  constexpr std::size_t kPages = 1024;
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (auto _ : state) {
    void* const memory =
        mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Require(memory != MAP_FAILED, "no memory");
    const CpuStopwatch stopwatch;
    for (std::size_t i = 0; i < kPages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
    state.SetIterationTime(stopwatch.Seconds());
    munmap(memory, kPages * page);
  }
  ReportTimePerItem(state, kPages);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("count")->Arg(100'000)->Iterations(1);
}

BENCHMARK(FreshPage)->Name("fresh_page/floor")->UseManualTime();
BENCHMARK_CAPTURE(HeldLibrary, , absl::OkStatus())
    ->Name("memory_held/library")
    ->Apply(Arguments)
    ->Arg(1'000'000);
BENCHMARK_CAPTURE(HeldLibrary, , FailoverError())
    ->Name("memory_held/library_failed")
    ->Apply(Arguments)
    ->Arg(1'000'000);
BENCHMARK(HeldFloor)->Name("memory_held/floor")->Apply(Arguments)->Arg(1'000'000);
BENCHMARK(CoroutineLibrary)->Name("memory_coroutine/library")->Apply(Arguments);
BENCHMARK(CoroutineFloor)->Name("memory_coroutine/floor")->Apply(Arguments);
BENCHMARK(ShardLibrary)->Name("memory_shard/library")->Apply(Arguments);
BENCHMARK(ShardFloor)->Name("memory_shard/floor")->Apply(Arguments);

}  // namespace
}  // namespace failover::benchmarks
