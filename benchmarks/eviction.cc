// Measures a full buffer: each request that arrives evicts the oldest request, whose callback gets
// the error.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "floor_queue.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// The default size of a Buffer, and the number of events that an event loop handles in one turn.
constexpr std::size_t kSize = 1000;
constexpr std::size_t kArrivalsPerPoll = 100;

void Library(benchmark::State& state, std::size_t size, std::int64_t max_per_shard) {
  BufferOptions options = HoldingOptions(size, Threading::kManual);
  options.max_per_shard = max_per_shard;
  const std::unique_ptr<Buffer> buffer = MakeBuffer(options);
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
  Returns returns;
  // A router drops a handle after the callback of its request has run.
  std::array<BufferedRequest, kSize + kArrivalsPerPoll> held;
  const auto arrive = [&](std::size_t number) {
    held[number % held.size()] =
        *buffer->WaitForFailoverEndAsync({}, shard, absl::OkStatus(), returns.Callback(number));
  };
  std::size_t arrived = 0;
  while (arrived < kSize) arrive(arrived++);
  for (auto _ : state) {
    arrive(arrived++);
    if (arrived % kArrivalsPerPoll == 0) buffer->Poll();
  }
  buffer->Poll();
  Require(returns.failed() == arrived - kSize, "the oldest was not evicted");
}

void Floor(benchmark::State& state) {
  FloorQueue queue;
  std::size_t evicted = 0;
  const auto arrive = [&](std::size_t number) {
    FloorHold(queue, [&evicted, number](bool) { evicted += number + 1 != 0; });
  };
  std::size_t arrived = 0;
  while (arrived < kSize) arrive(arrived++);
  for (auto _ : state) {
    FloorRelease(queue, false);
    arrive(arrived++);
  }
  Require(evicted == arrived - kSize, "the oldest was not evicted");
  while (!queue.empty()) FloorRelease(queue, false);
}

// Measures the error alone: an absl::Status with the text and the payload that an evicted request
// gets.
void ErrorAlone(benchmark::State& state) {
  const std::string text =
      "failover buffer, shard commerce/-80: the buffer is full and the request was evicted for a "
      "newer one";
  for (auto _ : state) {
    absl::Status error(absl::StatusCode::kUnavailable, text);
    error.SetPayload("failover/reason", absl::Cord("Evicted"));
    benchmark::DoNotOptimize(error);
  }
}

BENCHMARK_CAPTURE(Library, , kSize, 0)->Name("eviction/library");
BENCHMARK_CAPTURE(Library, , 2 * kSize, static_cast<std::int64_t>(kSize))
    ->Name("eviction/full_shard");
BENCHMARK(ErrorAlone)->Name("eviction/error_alone");
BENCHMARK(Floor)->Name("eviction/floor");

}  // namespace
}  // namespace failover::benchmarks
