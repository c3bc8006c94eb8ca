// This file holds what the Driver does once the faults have stopped.
#include "absl/strings/str_cat.h"
#include "driver.h"

namespace failover::simulation {

namespace {

constexpr absl::Duration kTick = absl::Milliseconds(20);
// A serving report, or a probe, waits for at most 1 s after a refusal. Then one tick finds it, and
// one more tick ends the drain's last retries.
constexpr absl::Duration kPatience = absl::Seconds(1);

}  // namespace

// The step says whether there are reports: the primary that is believed serves, and the health
// check says so. Without reports, the longest duration ends what nothing else ends.
void Driver::FaultsStop(const Step& step) {
  if (in_buffer_ || model_.shut_down()) return;
  Step alone;
  alone.kind = StepKind::kNeighbour;
  Neighbours(alone);
  reactions_.clear();  // What clients would do in their callbacks may be a fault, too.
  absl::Duration longest = absl::Nanoseconds(longest_ns_);
  const absl::Duration drained = longest;
  if (step.serving) HealFor(step, kPatience + 3 * kTick);
  for (std::size_t name = 0; name < config_.names && step.serving && !failed(); ++name) {
    const bool reported = model_.PrimaryOf(name).has_value() && !model_.HeldByOperator(name);
    if (model_.StateOf(name) == State::kBuffering && reported) {
      Fail(absl::StrCat("shard ", name, " holds, though its primary is seen to serve"));
    }
  }
  HealFor(step, longest + drained + kPatience);
  for (std::size_t name = 0; name < config_.names && !failed(); ++name) {
    const bool idle = model_.StateOf(name) == State::kIdle;
    if (!idle) Fail(absl::StrCat("shard ", name, " never came to rest"));
  }
}

void Driver::HealFor(const Step& step, absl::Duration time) {
  const absl::Time end = model_.now() + time;
  // A slow callback may move the clock beyond the end, and then the reports still have their say.
  for (int round = 0; !failed() && (round < 3 || model_.now() < end); ++round) {
    for (const std::uint32_t id : model_.In(Phase::kRetrying)) {
      Step succeeded;
      succeeded.kind = StepKind::kEndRetry;
      succeeded.id = id;
      succeeded.retry_end = RetryEnd::kTellSucceeded;
      EndRetry(succeeded);
    }
    for (std::size_t name = 0; name < config_.names && step.serving; ++name) {
      const std::optional<std::uint8_t> primary = model_.PrimaryOf(name);
      if (!primary.has_value()) continue;
      Step report;
      report.kind = StepKind::kReport;
      report.name = static_cast<std::uint8_t>(name);
      report.alias = *primary;
      report.observed_ns = absl::ToInt64Nanoseconds(model_.now() - absl::UnixEpoch());
      Report(report);
    }
    model_.Advance(kTick);
    clock_.Advance(kTick);
    Poll();
  }
}

}  // namespace failover::simulation
