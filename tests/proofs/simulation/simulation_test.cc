// These tests run many made-up steps, with failovers among them, on fixed seeds.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "driver.h"
#include "generator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runner.h"
#include "shrink.h"
#include "steps.h"

namespace failover::simulation {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
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

// scripts/mutants runs this test. Its steps are so few that they take no time, but enough to find a
// bug that any failover meets. The steps of a finding need not be cut down.
TEST(SimulationTest, AFewSeedsFindWhatEveryFailoverMeets) {
  RunOptions options;
  options.steps = 40'000;
  options.shrink_time = std::chrono::seconds(0);
  const RunResult result = RunSeeds(options);
  EXPECT_FALSE(result.finding.has_value()) << result.finding->ToString();
  EXPECT_GE(result.steps, options.steps);
}

TEST(SimulationTest, WhateverIsHeldEndsOnceTheFaultsStop) {
  RunOptions options;
  options.steps = FAILOVER_SIMULATION_STEPS / 10;
  options.processes = 2;
  options.liveness = true;
  const RunResult result = RunSeeds(options);
  EXPECT_FALSE(result.finding.has_value()) << result.finding->ToString();
}

Config SmallConfig() {
  Config config;
  config.window_ns = 1'000'000'000;
  config.max_failover_duration_ns = 4'000'000'000;
  config.min_time_between_failovers_ns = 8'000'000'000;
  config.suspicion_ns = config.probe_after_ns = 100'000'000;
  config.size = 3;
  config.max_shards = 10;
  config.drain_concurrency = 1;
  return config;
}

Step Do(StepKind kind) {
  Step step;
  step.kind = kind;
  return step;
}

Step Advance(std::int64_t by_ns) {
  Step step = Do(StepKind::kAdvanceClock);
  step.advance_ns = by_ns;
  return step;
}

Step RefusedAtConnect(std::uint32_t id) {
  Step step = Do(StepKind::kRequest);
  step.id = id;
  step.cause = Cause::kRefusedAtConnect;
  step.timeout_ns = kForEver;
  return step;
}

// The last turn of the poller counts the retry of the first request as overdue, because the
// callback of the second one takes longer than a retry and the grace of the shutdown.
TEST(SimulationTest, ARetryThatIsOverdueWhenTheGraceEndsIsCounted) {
  Config config = SmallConfig();
  config.max_retry_ns = 1'000'000;
  Step slow_callback = Advance(config.window_ns);
  slow_callback.during = 2;
  Step second = RefusedAtConnect(2);
  second.cause = Cause::kNone;
  EXPECT_EQ(
      Replay(config, {RefusedAtConnect(1), slow_callback, second, Do(StepKind::kStopBuffering),
                      Do(StepKind::kBeginShutdown), Do(StepKind::kPoll)}),
      "");
}

// Only the success of a write proves that the shard takes writes. The probe's second attempt does
// not say again that the request writes.
TEST(SimulationTest, ARequestThatComesBackStillWrites) {
  Config config = SmallConfig();
  config.suspicion_ns = config.window_ns;
  Step first = RefusedAtConnect(1);
  first.writes = first.may_probe = true;
  Step again = RefusedAtConnect(2);
  again.previous = first.id;
  again.may_probe = true;
  Step succeeds = Do(StepKind::kEndRetry);
  succeeds.id = again.id;
  succeeds.retry_end = RetryEnd::kTellSucceeded;
  // The second probe goes after twice the time.
  EXPECT_EQ(Replay(config, {first, Advance(config.probe_after_ns), Do(StepKind::kPoll), again,
                            Advance(2 * config.probe_after_ns), Do(StepKind::kPoll), succeeds}),
            "");
}

// These tests cover the simulation itself: bugs that are planted are found, reported, and cut down.
class PlantedBugTest : public ::testing::Test {
 protected:
  ~PlantedBugTest() override { planted_bug = nullptr; }

  // Returns whether the first shard holds requests.
  static bool Buffers(const Buffer& buffer) {
    const ShardName& name = NameOf(0);
    const std::optional<ShardStats> stats = buffer.GetShardStats(name.keyspace, name.shard);
    return stats.has_value() && stats->state == State::kBuffering;
  }

  // With time enough to cut the steps down on a busy machine.
  static RunOptions Unhurried() {
    RunOptions options;
    options.shrink_time = std::chrono::minutes(8);
    return options;
  }

  static Finding Find(PlantedBug bug, RunOptions options = Unhurried()) {
    planted_bug = bug;
    options.runs = 100;
    const RunResult result = RunSeeds(options);
    EXPECT_TRUE(result.finding.has_value()) << "the simulation does not notice the planted bug";
    return result.finding.value_or(Finding());
  }

  static void ExpectToldAndRepeatable(const Finding& finding) {
    EXPECT_LT(finding.steps.size(), finding.steps_before);
    const std::string seed = std::to_string(finding.seed);
    EXPECT_THAT(finding.ToString(),
                AllOf(HasSubstr("seed " + seed + ": " + finding.what),
                      HasSubstr(std::to_string(finding.steps.size()) + " steps, shrunk from "),
                      HasSubstr(ToString(finding.steps.back())),
                      HasSubstr("scripts/simulate --runs 1 --seed " + seed)));
    EXPECT_EQ(Replay(MakeConfig(finding.seed), finding.steps), finding.what);
    RunOptions same = Unhurried();
    same.first_seed = finding.seed;
    same.runs = 1;
    const RunResult again = RunSeeds(same);
    ASSERT_TRUE(again.finding.has_value());
    EXPECT_EQ(again.finding->ToString(), finding.ToString());
    planted_bug = nullptr;
    EXPECT_EQ(Replay(MakeConfig(finding.seed), finding.steps), "")
        << "the finding is not due to the planted bug";
  }
};

TEST_F(PlantedBugTest, ADisagreementIsFoundAndCutDown) {
  // The planted bug ends the failover in each Poll of a shard that holds requests.
  const Finding finding = Find([](Buffer& buffer, const Step& step) {
    if (step.kind != StepKind::kPoll || !Buffers(buffer)) return;
    buffer.StopBuffering(buffer.GetShard(NameOf(0).keyspace, NameOf(0).shard));
  });
  // The steps that remain are the start of a failover, and the Poll.
  ASSERT_THAT(finding.steps, SizeIs(2));
  EXPECT_EQ(finding.steps[1].kind, StepKind::kPoll);
  ExpectToldAndRepeatable(finding);
}

TEST_F(PlantedBugTest, ACrashIsFoundAndCutDown) {
  const Finding finding = Find([](Buffer& buffer, const Step& step) {
    if (step.kind == StepKind::kPoll && Buffers(buffer)) std::abort();
  });
  EXPECT_EQ(finding.what, "crashed with signal 6");
  ASSERT_THAT(finding.steps, SizeIs(2));
  EXPECT_EQ(finding.steps[1].kind, StepKind::kPoll);
  ExpectToldAndRepeatable(finding);
}

TEST_F(PlantedBugTest, ARefusalThatNobodyMetIsFound) {
  const Finding finding = Find([](Buffer& buffer, const Step& step) {
    if (step.kind != StepKind::kPoll) return;
    buffer.NoteRefused(buffer.GetShard(NameOf(0).keyspace, NameOf(0).shard), "a planted bug");
  });
  ExpectToldAndRepeatable(finding);
}

TEST_F(PlantedBugTest, AReportThatNobodySentIsFound) {
  const Finding finding = Find([](Buffer& buffer, const Step& step) {
    if (step.kind != StepKind::kPoll || !Buffers(buffer)) return;
    TabletStats report;
    report.alias = AliasOf(5);
    report.target = {std::string(NameOf(0).keyspace), std::string(NameOf(0).shard),
                     TabletType::kPrimary};
    report.up = report.serving = true;
    report.tablet_externally_reparented_timestamp = 1'000'000;
    buffer.StatsUpdate(report);
  });
  ExpectToldAndRepeatable(finding);
}

TEST_F(PlantedBugTest, AHoldThatBeginsWhenTheFaultsStopIsFound) {
  RunOptions options = Unhurried();
  options.liveness = true;
  const Finding finding = Find(
      [](Buffer& buffer, const Step& step) {
        if (step.kind != StepKind::kFaultsStop) return;
        buffer.StartBuffering(buffer.GetShard(NameOf(0).keyspace, NameOf(0).shard), "planted");
      },
      options);
  EXPECT_EQ(finding.steps.back().kind, StepKind::kFaultsStop);
  EXPECT_THAT(finding.ToString(), HasSubstr("--liveness"));
}

TEST_F(PlantedBugTest, ACallThatNeverReturnsIsFound) {
  RunOptions impatient;
  // A process that is only slow must not be found. The bug shows within its first steps.
  impatient.call_patience = std::chrono::seconds(5);
  impatient.process_patience = std::chrono::seconds(10);
  impatient.shrink_time = std::chrono::seconds(0);
  const Finding finding = Find(
      [](Buffer&, const Step& step) {
        while (step.kind == StepKind::kPoll) pause();
      },
      impatient);
  EXPECT_EQ(finding.what, "hangs");
  EXPECT_EQ(finding.steps.back().kind, StepKind::kPoll);
  planted_bug = nullptr;
  EXPECT_EQ(Replay(MakeConfig(finding.seed), finding.steps), "");
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
