// Measures clients that go away while their requests are held. The newest request goes first, so a
// solution that searches its queue from the front has to search the whole queue.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "floor_queue.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// A router that gives up a request drops the handle. This cancels the request and frees everything
// that the request took.
void Library(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  const std::unique_ptr<Buffer> buffer = MakeBuffer(HoldingOptions(held_count, Threading::kManual));
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
  std::vector<BufferedRequest> held(held_count);
  Returns returns;
  for (auto _ : state) {
    for (std::size_t i = 0; i < held_count; ++i) {
      held[i] = *buffer->WaitForFailoverEndAsync({}, shard, absl::OkStatus(), returns.Callback(i));
    }
    const CpuStopwatch stopwatch;
    for (std::size_t i = held_count; i-- > 0;) held[i] = BufferedRequest();
    state.SetIterationTime(stopwatch.Seconds());
    Require(buffer->Stats().slots_free == held_count, "a cancelled request kept its slot");
  }
  ReportTimePerItem(state, held_count);
}

void Floor(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  std::vector<FloorNode*> held(held_count);
  for (auto _ : state) {
    FloorQueue queue;
    for (std::size_t i = 0; i < held_count; ++i) {
      held[i] = FloorHold(queue, [i](bool) { Fail(i == 0 ? "the first ran" : "one ran"); });
    }
    const CpuStopwatch stopwatch;
    for (std::size_t i = held_count; i-- > 0;) {
      queue.Remove(held[i]);
      delete held[i];
    }
    state.SetIterationTime(stopwatch.Seconds());
    Require(queue.empty(), "a request was left over");
  }
  ReportTimePerItem(state, held_count);
}

// The shape of another solution: a list that is searched for the request.
void SearchedList(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::list<std::size_t> queue;
    for (std::size_t i = 0; i < held_count; ++i) queue.push_back(i);
    const CpuStopwatch stopwatch;
    for (std::size_t i = held_count; i-- > 0;)
      queue.erase(std::find(queue.begin(), queue.end(), i));
    state.SetIterationTime(stopwatch.Seconds());
    Require(queue.empty(), "a request was left over");
  }
  ReportTimePerItem(state, held_count);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("held")->UseManualTime()->Arg(1'000)->Arg(10'000)->Arg(50'000);
}

BENCHMARK(Library)->Name("cancel/library")->Apply(Arguments);
BENCHMARK(Floor)->Name("cancel/floor")->Apply(Arguments);
BENCHMARK(SearchedList)
    ->Name("cancel/searched_list")
    ->ArgName("held")
    ->UseManualTime()
    ->Iterations(1)
    ->Arg(1'000)
    ->Arg(10'000);

}  // namespace
}  // namespace failover::benchmarks
