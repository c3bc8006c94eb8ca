#include "runner.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "child.h"
#include "driver.h"
#include "generator.h"
#include "shrink.h"
#include "support/silence.h"

namespace failover::simulation {

namespace {

using SteadyClock = std::chrono::steady_clock;

// While a finding that hangs is cut down, each list of steps that hangs costs this much time. Lists
// of a finding that does not hang get the usual patience, because a slow list must not be taken for
// a list that hangs.
constexpr std::chrono::seconds kShrinkPatience(1);
constexpr char kHangs[] = "hangs";
constexpr std::chrono::seconds kProgressEvery(5);
// Little happens after a shutdown, so a run ends this many steps later.
constexpr std::size_t kStepsAfterShutdown = 30;

// Does one run, with the steps that the seed stands for.
void RunSeed(std::uint64_t seed, const RunOptions& options, SharedRun& shared) {
  const Config config = MakeConfig(seed);
  Random random(~seed);
  std::size_t length = random.Pick<std::size_t>({50, 200, 500, 1000, kMostSteps});
  if (config.flood > 0) length = kMostSteps;
  // The faults stop at any step, and the step that says so is the last.
  if (options.liveness) length = 1 + static_cast<std::size_t>(random.Below(length - 1));
  bool shut_down = false;
  shared.step_count = 0;
  shared.seed = seed;
  Driver driver(config, options.call_patience);
  Generator generator(seed, config);
  while (driver.failure().empty() && shared.step_count < length) {
    const Step step = generator.Next(driver.model());
    shared.AddStep(step);
    driver.Do(step);
    if (driver.model().shut_down() && !std::exchange(shut_down, true)) {
      length = std::min(length, shared.step_count + kStepsAfterShutdown);
    }
  }
  if (options.liveness && driver.failure().empty()) {
    Step stop;
    stop.kind = StepKind::kFaultsStop;
    stop.serving = random.Chance(70);
    shared.AddStep(stop);
    driver.Do(stop);
  }
  if (driver.failure().empty()) driver.Finish();
  if (!driver.failure().empty()) {
    shared.SetWhat(driver.failure());
    _exit(1);
  }
  shared.coverage.Add(driver.coverage());
  shared.steps += driver.steps_done();
  ++shared.runs;
}

void RunSeedsInChild(const RunOptions& options, unsigned index, SharedRun& shared) {
  test::SilenceTheLog();
  const SteadyClock::time_point end = SteadyClock::now() + options.time;
  const std::uint64_t steps = options.steps / options.processes;
  for (std::uint64_t run = index; run < options.runs; run += options.processes) {
    if (shared.steps >= steps || SteadyClock::now() >= end) return;
    RunSeed(options.first_seed + run, options, shared);
  }
}

std::string ReplayPatiently(const Config& config, const std::vector<Step>& steps,
                            std::chrono::seconds patience) {
  Child child([&](SharedRun& shared) {
    test::SilenceTheLog();
    Driver driver(config, patience);
    for (const Step& step : steps) driver.Do(step);
    if (driver.failure().empty()) driver.Finish();
    shared.SetWhat(driver.failure());
    if (!driver.failure().empty()) _exit(1);
  });
  pollfd ended = {child.fd(), POLLIN, 0};
  const std::chrono::milliseconds limit = 2 * patience;
  if (poll(&ended, 1, static_cast<int>(limit.count())) == 0) {
    child.Kill();
    child.Reap();
    return kHangs;
  }
  return child.Reap();
}

Finding Investigate(const RunOptions& options, const Child& child, const std::string& what) {
  Finding finding;
  finding.liveness = options.liveness;
  finding.seed = child.shared().seed;
  finding.what = what;
  finding.steps = child.shared().Steps();
  finding.steps_before = finding.steps.size();
  const Config config = MakeConfig(finding.seed);
  const std::chrono::seconds patience = what == kHangs ? kShrinkPatience : options.call_patience;
  const SteadyClock::time_point end = SteadyClock::now() + options.shrink_time;
  finding.steps = Shrink(std::move(finding.steps), [&](const std::vector<Step>& steps) {
    return SteadyClock::now() < end && !ReplayPatiently(config, steps, patience).empty();
  });
  const std::string again = ReplayPatiently(config, finding.steps, options.call_patience);
  if (!again.empty()) finding.what = again;
  return finding;
}

// A Watch looks after the child processes of one RunSeeds, until all have ended or one has found
// something.
class Watch {
 public:
  explicit Watch(const RunOptions& options) : options_(options) {
    for (unsigned i = 0; i < options.processes; ++i) {
      runs_.push_back(std::make_unique<Run>(
          [&options, i](SharedRun& shared) { RunSeedsInChild(options, i, shared); }));
    }
  }

  RunResult Wait() {
    while (!result_.finding.has_value() && Running()) {
      WaitForNews();
      for (const std::unique_ptr<Run>& run : runs_) Look(*run);
      ShowProgress();
    }
    for (const std::unique_ptr<Run>& run : runs_) {
      run->child.Kill();
      result_.runs += run->child.shared().runs;
      result_.steps += run->child.shared().steps;
      result_.coverage.Add(run->child.shared().coverage);
    }
    return std::move(result_);
  }

 private:
  struct Run {
    explicit Run(const std::function<void(SharedRun&)>& work) : child(work) {}
    Child child;
    bool ended = false;
    std::uint64_t steps = 0;
    SteadyClock::time_point last_step = SteadyClock::now();
  };

  bool Running() const {
    return std::any_of(runs_.begin(), runs_.end(), [](const auto& run) { return !run->ended; });
  }

  void WaitForNews() {
    std::vector<pollfd> fds;
    for (const std::unique_ptr<Run>& run : runs_) {
      if (!run->ended) fds.push_back({run->child.fd(), POLLIN, 0});
    }
    poll(fds.data(), fds.size(), /*timeout in ms=*/1000);
  }

  void Look(Run& run) {
    if (run.ended || result_.finding.has_value()) return;
    const SharedRun& shared = run.child.shared();
    const std::uint64_t steps = shared.steps + shared.step_count;
    if (std::exchange(run.steps, steps) != steps) run.last_step = SteadyClock::now();
    pollfd ended = {run.child.fd(), POLLIN, 0};
    const bool hangs = SteadyClock::now() - run.last_step > options_.process_patience;
    if (hangs) run.child.Kill();
    if (!hangs && poll(&ended, 1, 0) == 0) return;
    run.ended = true;
    const std::string what = run.child.Reap();
    if (what.empty()) return;
    result_.finding = Investigate(options_, run.child, hangs ? kHangs : what);
  }

  void ShowProgress() {
    if (!options_.progress || SteadyClock::now() - last_progress_ < kProgressEvery) return;
    last_progress_ = SteadyClock::now();
    std::uint64_t runs = 0;
    std::uint64_t steps = 0;
    for (const std::unique_ptr<Run>& run : runs_) {
      runs += run->child.shared().runs;
      steps += run->child.shared().steps;
    }
    options_.progress(runs, steps);
  }

  const RunOptions& options_;
  std::vector<std::unique_ptr<Run>> runs_;
  SteadyClock::time_point last_progress_ = SteadyClock::now();
  RunResult result_;
};

}  // namespace

RunResult RunSeeds(const RunOptions& options) { return Watch(options).Wait(); }

std::string Replay(const Config& config, const std::vector<Step>& steps) {
  return ReplayPatiently(config, steps, RunOptions().call_patience);
}

std::string Finding::ToString() const {
  std::string text = absl::StrCat("seed ", seed, ": ", what,
                                  "\n  options: ", simulation::ToString(MakeConfig(seed)), "\n  ",
                                  steps.size(), " steps, shrunk from ", steps_before, ":\n");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    absl::StrAppend(&text, "  ", i + 1, ". ", simulation::ToString(steps[i]), "\n");
  }
  absl::StrAppend(&text, "Run it again with: scripts/simulate --runs 1 --seed ", seed,
                  liveness ? " --liveness\n" : "\n");
  return text;
}

}  // namespace failover::simulation
