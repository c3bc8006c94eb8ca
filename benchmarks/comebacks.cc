// Measures requests that may come back: held again, let go as a probe, and released by a drain that
// adapts.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

constexpr std::size_t kHeld = 10'000;

RequestContext Returning() {
  RequestContext context;
  context.may_probe = true;
  context.writes = true;
  return context;
}

// One shard that fails over once.
class Scene {
 public:
  explicit Scene(const BufferOptions& options) : buffer_(MakeBuffer(options)) {
    buffer_->StatsUpdate(ServingPrimary(name_, 1));
    shard_ = buffer_->GetShard(name_.keyspace, name_.shard);
  }

  BufferedRequest Hold(LastAttempt last, WaitCallback callback) {
    absl::StatusOr<BufferedRequest> held =
        buffer_->WaitForFailoverEndAsync(Returning(), shard_, std::move(last), std::move(callback));
    Require(held.ok() && *held, "a request was not held");
    return *std::move(held);
  }
  // Holds requests whose retries end with `outcome`.
  std::vector<BufferedRequest> HoldUntil(Attempt outcome) {
    std::vector<BufferedRequest> held(kHeld);
    for (BufferedRequest& request : held) {
      request = Hold(Attempt::kRefused, [this, outcome](absl::StatusOr<RetryDoneFunc> done) {
        (*done)(outcome);
        ++ended_;
      });
    }
    return held;
  }

  void EndFailover() { buffer_->StatsUpdate(ServingPrimary(name_, 2)); }
  Buffer& buffer() { return *buffer_; }
  std::size_t ended() const { return ended_; }

 private:
  const ShardName name_ = {"commerce", "-80"};
  std::size_t ended_ = 0;
  const std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
};

// From the refusal of a retry until its request is held again.
void HeldAgain(benchmark::State& state) {
  for (auto _ : state) {
    BufferOptions options = HoldingOptions(kHeld, Threading::kManual);
    options.drain_concurrency = static_cast<std::int64_t>(kHeld);
    Scene scene(options);
    std::vector<RetryDoneFunc> tokens;
    std::vector<BufferedRequest> held(kHeld);
    for (BufferedRequest& request : held) {
      request = scene.Hold(Attempt::kRefused, [&tokens](absl::StatusOr<RetryDoneFunc> done) {
        tokens.push_back(*std::move(done));
      });
    }
    scene.EndFailover();
    while (tokens.size() < kHeld) scene.buffer().Poll();
    const CpuStopwatch stopwatch;
    for (std::size_t i = 0; i < kHeld; ++i) {
      held[i] = scene.Hold(LastAttempt(Attempt::kRefused).After(std::move(tokens[i])),
                           [](const absl::StatusOr<RetryDoneFunc>&) {});
    }
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, kHeld);
}

// From the time at which a probe is due until its retry has ended.
void Probe(benchmark::State& state) {
  for (auto _ : state) {
    SimulatedClock clock;
    BufferOptions options = HoldingOptions(kHeld, Threading::kManual);
    options.probe_after = absl::Milliseconds(1);
    options.clock = &clock;
    Scene scene(options);
    const std::vector<BufferedRequest> held = scene.HoldUntil(Attempt::kFailed);
    const CpuStopwatch stopwatch;
    while (scene.ended() < kHeld) {
      clock.Advance(options.probe_after);
      scene.buffer().Poll();
    }
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, kHeld);
}

// The whole trip of a request whose retry succeeds, so that the drain lets more and more go at
// once.
void AdaptiveDrain(benchmark::State& state) {
  for (auto _ : state) {
    Scene scene(HoldingOptions(kHeld, Threading::kManual));
    const CpuStopwatch stopwatch;
    const std::vector<BufferedRequest> held = scene.HoldUntil(Attempt::kSucceeded);
    scene.EndFailover();
    while (scene.ended() < kHeld) scene.buffer().Poll();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, kHeld);
}

BENCHMARK(HeldAgain)->Name("comebacks/held_again")->UseManualTime();
BENCHMARK(Probe)->Name("comebacks/probe")->UseManualTime();
BENCHMARK(AdaptiveDrain)->Name("comebacks/adaptive_drain")->UseManualTime();

}  // namespace
}  // namespace failover::benchmarks
