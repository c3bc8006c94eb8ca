// Measures a request that failed for another reason than a failover: the Buffer classifies the
// error, and the request passes.
#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "failover/errors.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// Argument 0: the code of the error alone tells that no failover is meant. Argument 1: the
// classifier has to look at the text.
absl::Status ErrorOf(const benchmark::State& state) {
  if (state.range(0) == 0) return DuplicateKeyError();
  return absl::InternalError("Lock wait timeout exceeded; try restarting transaction (errno 1205)");
}

void Library(benchmark::State& state) {
  static const std::unique_ptr<Buffer> buffer = MakeBuffer({});
  static const ShardHandle shard = buffer->GetShard("commerce", "-80");
  const absl::Status error = ErrorOf(state);
  for (auto _ : state) {
    const absl::StatusOr<RetryDoneFunc> done = buffer->WaitForFailoverEnd({}, shard, error);
    if (!done.ok() || *done) return state.SkipWithError("a request did not pass");
  }
}

// The floor: an atomic load, a branch, and the classifier.
void Floor(benchmark::State& state) {
  static std::atomic<std::uint32_t> gate{2};
  const absl::Status error = ErrorOf(state);
  for (auto _ : state) {
    const bool looks = (gate.load(std::memory_order_acquire) & 2) != 0;
    if (looks && CausedByFailover(error)) return state.SkipWithError("a request did not pass");
  }
}

BENCHMARK(Library)->Name("idle_other_error/library")->ArgName("text")->Arg(0)->Arg(1);
BENCHMARK(Floor)->Name("idle_other_error/floor")->ArgName("text")->Arg(0)->Arg(1);

}  // namespace
}  // namespace failover::benchmarks
