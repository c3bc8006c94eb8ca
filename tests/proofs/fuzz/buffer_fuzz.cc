// This fuzzer makes sequences of calls. It compares the Buffer with the reference model of the
// simulation after each step. The fuzzer's bytes replace the random numbers of the simulation.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_input.h"
#include "proofs/simulation/driver.h"
#include "proofs/simulation/generator.h"
#include "proofs/simulation/random.h"
#include "proofs/simulation/steps.h"
#include "support/silence.h"

namespace {

namespace simulation = failover::simulation;

// A step needs a few bytes, so an input of the usual length is used up before this limit.
constexpr std::size_t kMostSteps = 500;
constexpr std::chrono::seconds kPatience(20);

void PrintSteps(const simulation::Config& config, const std::vector<simulation::Step>& steps) {
  std::fprintf(stderr, "options: %s\n", simulation::ToString(config).c_str());
  for (const simulation::Step& step : steps) {
    std::fprintf(stderr, "  %s\n", simulation::ToString(step).c_str());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::test::SilenceTheLog();
  simulation::Random random(std::string_view(reinterpret_cast<const char*>(data), size));
  simulation::Config config = simulation::MakeConfig(random);
  // A flood has more requests than one Poll runs. Its runs would be longer than the limit of steps
  // here.
  config.flood = 0;
  simulation::Driver driver(config, kPatience);
  simulation::Generator generator(random, config);
  std::vector<simulation::Step> steps;
  while (driver.failure().empty() && !generator.used_up() && steps.size() < kMostSteps) {
    steps.push_back(generator.Next(driver.model()));
    driver.Do(steps.back());
  }
  driver.Finish();
  if (!driver.failure().empty()) PrintSteps(config, steps);
  failover::fuzz::Require(driver.failure().empty(), "the Buffer does what the model does",
                          driver.failure());
  return 0;
}
