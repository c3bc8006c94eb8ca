// How the Driver does planned switchovers.
#include <utility>

#include "absl/strings/str_cat.h"
#include "driver.h"
#include "failover/switchover.h"

namespace failover::simulation {

namespace {

std::string Text(const SwitchoverProgress& progress) {
  return absl::StrCat(std::string(ToString(progress.stage)), ", ", progress.in_flight.statements,
                      " statements, ", progress.in_flight.transactions, " transactions",
                      progress.quiet ? ", quiet" : "",
                      progress.end.has_value() ? std::string(ToString(*progress.end)) : "");
}

}  // namespace

void Driver::BeginSwitchover(const Step& step) {
  const ShardHandle shard = Handle(step.name);
  if (switchovers_.count(step.id) != 0) return;
  SwitchoverOptions options;
  options.transaction_grace = absl::Nanoseconds(step.grace_ns);
  options.hold_timeout = absl::Nanoseconds(step.timeout_ns);
  options.on_overdue = step.proceeds ? OnOverdue::kProceed : OnOverdue::kAbort;
  options.release =
      step.commit_only ? SwitchoverRelease::kOnCommit : SwitchoverRelease::kOnNewPrimary;
  const bool expected = model_.BeginSwitchover(step);
  absl::StatusOr<Switchover> begun = buffer_->BeginSwitchover(shard, options);
  if (begun.ok() != expected) return Fail("BeginSwitchover has the wrong answer");
  if (begun.ok()) switchovers_.emplace(step.id, *std::move(begun));
  coverage_.switchovers += expected ? 1 : 0;
}

void Driver::EndSwitchover(const Step& step) {
  const auto it = switchovers_.find(step.id);
  if (it == switchovers_.end()) return;
  if (step.kind == StepKind::kCommit) {
    const bool expected = model_.Commit(step.id);
    if (it->second.Commit().ok() != expected) Fail("Commit has the wrong answer");
    coverage_.committed += expected ? 1 : 0;
    return;
  }
  const bool expected = model_.Abort(step.id);
  // The destructor does what Abort does. The progress of this switchover cannot be asked then.
  if (step.by_context) {
    switchovers_.erase(it);
  } else if (it->second.Abort() != expected) {
    Fail("Abort has the wrong answer");
  }
}

void Driver::CheckSwitchovers() {
  for (auto& [id, switchover] : switchovers_) {
    SwitchoverProgress is = switchover.progress();
    SwitchoverProgress should = model_.ProgressOf(id);
    if (should.quiet && !should.end.has_value()) ++coverage_.quiet;
    // After the end nothing waits for what is in flight.
    if (should.end.has_value()) is.in_flight = should.in_flight = {};
    const bool same = is.stage == should.stage && is.in_flight == should.in_flight &&
                      is.quiet == should.quiet && is.end == should.end;
    if (!same) {
      return Fail(absl::StrCat("switchover ", id, ": ", Text(is), "; should be ", Text(should)));
    }
  }
}

}  // namespace failover::simulation
