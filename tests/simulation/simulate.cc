// Runs the simulation for as long as it is told to. scripts/simulate builds and starts it.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "runner.h"

namespace {

constexpr char kUsage[] =
    "Usage: simulate [--seconds N] [--runs N] [--seed S] [--processes N]\n"
    "\n"
    "  --seconds N    run for that long (default: 60, or until all runs are done)\n"
    "  --seed S       begin with this seed (default: one made of the time)\n"
    "  --runs N       stop after so many seeds\n"
    "  --processes N  how many seeds to run at the same time (default: one for each processor)\n"
    "\n"
    "The exit code is 1 if a seed failed; its steps, as few as are needed, are printed then.\n";

[[noreturn]] void ExitWithUsage(const char* problem) {
  std::fprintf(stderr, "%s\n\n%s", problem, kUsage);
  std::exit(2);
}

std::uint64_t NumberAfter(int argc, char** argv, int at) {
  if (at + 1 >= argc) ExitWithUsage("A number is missing.");
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(argv[at + 1], &end, 10);
  if (end == argv[at + 1] || *end != '\0') ExitWithUsage("That is not a number.");
  return number;
}

failover::simulation::RunOptions Parse(int argc, char** argv) {
  failover::simulation::RunOptions options;
  options.first_seed =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count()) *
      1'000'000;
  options.processes = std::thread::hardware_concurrency();
  options.time = std::chrono::seconds(60);
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    const std::uint64_t number = NumberAfter(argc, argv, i);
    if (name == "--seconds") {
      options.time = std::chrono::seconds(number);
    } else if (name == "--seed") {
      options.first_seed = number;
    } else if (name == "--runs") {
      options.runs = number;
    } else if (name == "--processes") {
      options.processes = static_cast<unsigned>(number);
    } else {
      ExitWithUsage("What is this?");
    }
  }
  if (options.processes == 0) options.processes = 1;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  failover::simulation::RunOptions options = Parse(argc, argv);
  const auto start = std::chrono::steady_clock::now();
  options.progress = [start](std::uint64_t runs, std::uint64_t steps) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("%6.0f s: %llu runs, %llu steps\n", passed.count(),
                static_cast<unsigned long long>(runs), static_cast<unsigned long long>(steps));
    std::fflush(stdout);
  };
  std::printf("From seed %llu on, %u at a time\n",
              static_cast<unsigned long long>(options.first_seed), options.processes);
  const failover::simulation::RunResult result = failover::simulation::RunSeeds(options);
  options.progress(result.runs, result.steps);
  if (result.finding.has_value()) {
    std::printf("FAILED: %s", result.finding->ToString().c_str());
    return 1;
  }
  for (const auto& [name, count] : result.coverage.Named()) {
    std::printf("%16llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
  }
  return 0;
}
