// No failover, and the request failed for another reason: its error is classified, and it passes.
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

// 0: told by the code alone. 1: a code that takes a look at the text.
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
    if (!done.ok() || *done) return state.SkipWithError("was not let pass");
  }
}

// The classifier alone, behind the load and the branch.
void Floor(benchmark::State& state) {
  static std::atomic<std::uint32_t> gate{2};
  const absl::Status error = ErrorOf(state);
  for (auto _ : state) {
    const bool looks = (gate.load(std::memory_order_acquire) & 2) != 0;
    if (looks && CausedByFailover(error)) return state.SkipWithError("was not let pass");
  }
}

BENCHMARK(Library)->Name("idle_other_error/library")->ArgName("text")->Arg(0)->Arg(1);
BENCHMARK(Floor)->Name("idle_other_error/floor")->ArgName("text")->Arg(0)->Arg(1);

}  // namespace
}  // namespace failover::benchmarks
