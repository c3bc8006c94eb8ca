// Measures what a Buffer costs. scripts/bench builds and runs this program, and prints the table.
//
// The names of the benchmarks are <what>/<who>/<arguments>. <who> is `library`, or `floor` (a bare
// skeleton that touches the same memory and does nothing else), or the name of another solution.
//
// The environment variable FAILOVER_BENCHMARK_WARM_MB says how many megabytes malloc gets
// beforehand and keeps. Without this memory a row measures how long the kernel takes to hand out
// memory. The benchmarks of memory want exactly that, so they run without the variable.
#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "benchmark/benchmark.h"
#include "harness.h"
#include "silence.h"

namespace {

using failover::benchmarks::Require;

void WarmMemory(std::size_t megabytes) {
  // All threads use one heap, and the heap never shrinks.
  Require(mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_TRIM_THRESHOLD, -1) == 1,
          "malloc cannot be told to keep its memory");
  const std::size_t bytes = megabytes << 20;
  void* const memory = std::malloc(bytes);
  Require(memory != nullptr, "no memory to warm up with");
  std::memset(memory, 1, bytes);
  benchmark::DoNotOptimize(memory);
  std::free(memory);
}

}  // namespace

int main(int argc, char** argv) {
  failover::benchmarks::SilenceTheLog();
  if (const char* const megabytes = std::getenv("FAILOVER_BENCHMARK_WARM_MB")) {
    WarmMemory(std::strtoul(megabytes, nullptr, 10));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
