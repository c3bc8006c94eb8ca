// Measures what a Buffer costs. scripts/bench builds and runs this, and prints the table.
//
// The names of the benchmarks are <what>/<who>/<arguments>. Who is `library`; `floor`, a bare
// skeleton that touches the same memory and does nothing else; or the shape of another solution.
#include <memory>

#include "benchmark/benchmark.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"

int main(int argc, char** argv) {
  // How fast log lines are written is up to the sink of the embedder. This one takes none.
  const auto silent =
      std::make_shared<spdlog::logger>("failover", std::make_shared<spdlog::sinks::null_sink_mt>());
  silent->set_level(spdlog::level::off);
  spdlog::register_logger(silent);

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
