// Measures what a Buffer costs. scripts/bench builds and runs this, and prints the table.
//
// The names of the benchmarks are <what>/<who>/<arguments>. Who is `library`; `floor`, a bare
// skeleton that touches the same memory and does nothing else; or the shape of another solution.
#include "benchmark/benchmark.h"
#include "silence.h"

int main(int argc, char** argv) {
  failover::benchmarks::SilenceTheLog();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
