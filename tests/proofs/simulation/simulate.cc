// This program runs the simulation for a given time. scripts/simulate builds and starts it.

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>

#include "runner.h"

namespace failover::simulation {
namespace {

constexpr char kUsage[] =
    "Usage: simulate [--seconds N] [--runs N] [--seed S] [--processes N]\n"
    "                [--liveness]\n"
    "\n"
    "  --seconds N    run for N seconds (default: 60)\n"
    "  --seed S       begin with seed S (default: a seed made of the time)\n"
    "  --runs N       stop after N seeds\n"
    "  --processes N  run N seeds at the same time (default: one for each processor)\n"
    "  --liveness     let the faults stop at some step of each run; whatever is held must end "
    "then\n"
    "\n"
    "If a seed fails, the exit code is 1, and the few steps that are needed are printed.\n";

std::optional<std::uint64_t> ToNumber(const char* text) {
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') return std::nullopt;
  return number;
}

std::uint64_t SeedFromTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()) *
         1'000'000;
}

// Returns nullopt if the arguments are wrong.
std::optional<RunOptions> Parse(int argc, char** argv) {
  RunOptions options;
  options.first_seed = SeedFromTime();
  options.processes = std::max(1U, std::thread::hardware_concurrency());
  options.time = std::chrono::seconds(60);
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--liveness") {
      options.liveness = true;
      --i;
      continue;
    }
    if (i + 1 == argc) return std::nullopt;
    const std::optional<std::uint64_t> number = ToNumber(argv[i + 1]);
    if (!number.has_value()) return std::nullopt;
    if (name == "--seconds") {
      options.time = std::chrono::seconds(*number);
    } else if (name == "--seed") {
      options.first_seed = *number;
    } else if (name == "--runs") {
      options.runs = *number;
    } else if (name == "--processes" && *number > 0) {
      options.processes = static_cast<unsigned>(*number);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

int Simulate(RunOptions options) {
  const auto start = std::chrono::steady_clock::now();
  options.progress = [start](std::uint64_t runs, std::uint64_t steps) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("%6.0f s: %" PRIu64 " runs, %" PRIu64 " steps\n", passed.count(), runs, steps);
    std::fflush(stdout);
  };
  std::printf("From seed %" PRIu64 " on, %u at a time\n", options.first_seed, options.processes);
  const RunResult result = RunSeeds(options);
  options.progress(result.runs, result.steps);
  if (result.finding.has_value()) {
    std::printf("FAILED: %s", result.finding->ToString().c_str());
    return 1;
  }
  for (const auto& [name, count] : result.coverage.Named()) {
    std::printf("%16" PRIu64 "  %s\n", count, name.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace failover::simulation

int main(int argc, char** argv) {
  namespace simulation = failover::simulation;
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(simulation::kUsage, stdout);
    return 0;
  }
  const std::optional<simulation::RunOptions> options = simulation::Parse(argc, argv);
  if (!options.has_value()) {
    std::fputs(simulation::kUsage, stderr);
    return 2;
  }
  return simulation::Simulate(*options);
}
