// Many steps of made-up life with failovers, on fixed seeds.

#include <cstdint>
#include <string>
#include <vector>

#include "generator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runner.h"
#include "shrink.h"
#include "steps.h"

namespace failover::simulation {
namespace {

using ::testing::SizeIs;

TEST(SimulationTest, BufferDoesWhatTheModelDoes) {
  RunOptions options;
  options.steps = FAILOVER_SIMULATION_STEPS;
  options.processes = 2;
  const RunResult result = RunSeeds(options);
  EXPECT_FALSE(result.finding.has_value()) << result.finding->ToString();
  EXPECT_GE(result.steps, options.steps - options.steps % options.processes);
  for (const auto& [name, count] : result.coverage.Named()) {
    EXPECT_GT(count, 0U) << "The simulation never got to: " << name;
  }
}

TEST(GeneratorTest, OneSeedIsOneListOfSteps) {
  const Config config = MakeConfig(7);
  const Model model(config);
  Generator first(7, config);
  Generator second(7, config);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(ToString(first.Next(model)), ToString(second.Next(model)));
}

TEST(ShrinkTest, LeavesOnlyTheStepsThatMatter) {
  std::vector<Step> steps;
  for (std::uint32_t id = 1; id <= 1000; ++id) {
    Step step;
    step.kind = StepKind::kRequest;
    step.id = id;
    step.timeout_ns = 5;
    steps.push_back(step);
  }
  const auto fails = [](const std::vector<Step>& list) {
    int found = 0;
    for (const Step& step : list) {
      if (step.id == 17 || step.id == 18 || step.id == 900) ++found;
    }
    return found == 3;
  };
  const std::vector<Step> left = Shrink(steps, fails);
  ASSERT_THAT(left, SizeIs(3));
  EXPECT_TRUE(fails(left));
  EXPECT_EQ(left[0].timeout_ns, kForEver);
}

TEST(RunnerTest, AListThatGoesWellIsNotAFinding) {
  Step start;
  start.kind = StepKind::kStartBuffering;
  Step request;
  request.kind = StepKind::kRequest;
  request.id = 1;
  request.timeout_ns = kForEver;
  EXPECT_EQ(Replay(MakeConfig(1), {start, request}), "");
}

}  // namespace
}  // namespace failover::simulation
