// The planned switchovers of the Model, and the work that is in flight.
#include <algorithm>

#include "model.h"

namespace failover::simulation {

// ---- Counted work.

// The tokens of requests that were held count from their release on.
WorkInFlight Model::InFlight(std::size_t name) const {
  WorkInFlight count;
  const auto add = [&count](Work work) {
    if (work == Work::kStatement) ++count.statements;
    if (work == Work::kTransaction) ++count.transactions;
  };
  for (const auto& [id, passed] : passed_) {
    if (passed.name == name) add(passed.work);
  }
  for (const Held& request : requests_) {
    const bool lives = request.phase == Phase::kReleased || request.phase == Phase::kRetrying;
    if (request.name == name && lives && !request.ending.error.has_value()) add(request.step.work);
  }
  return count;
}

void Model::CountPassed(const Step& step) {
  if (step.work == Work::kUncounted || shut_down_) return;
  passed_[step.id] = {step.name, step.work};
}

void Model::EndWork(std::uint32_t id) {
  passed_.erase(id);
  LookForQuiet();
}

std::vector<std::uint32_t> Model::Passed() const {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, passed] : passed_) ids.push_back(id);
  return ids;
}

// ---- Switchovers.

ModelSwitchover* Model::SwitchoverOf(std::size_t name) {
  for (auto& [id, switchover] : switchovers_) {
    if (switchover.name == name && !switchover.end.has_value()) return &switchover;
  }
  return nullptr;
}

const ModelSwitchover* Model::SwitchoverOf(std::size_t name) const {
  return const_cast<Model*>(this)->SwitchoverOf(name);
}

absl::Duration Model::WindowOf(std::size_t name) const {
  const ModelSwitchover* const switchover = SwitchoverOf(name);
  return switchover != nullptr ? switchover->window : absl::Nanoseconds(config_.window_ns);
}

// Whether requests of this kind that have not failed have to stop, because the shard holds them.
bool Model::Stops(std::size_t name, Work work) const {
  if (shards_[name].state != State::kBuffering) return false;
  const ModelSwitchover* const switchover = SwitchoverOf(name);
  if (switchover == nullptr || switchover->all_held) return true;
  return work == Work::kTransaction;
}

bool Model::BeginSwitchover(const Step& step) {
  if (step.timeout_ns > config_.window_ns) return false;
  Shard* const shard = Known(step.name);
  if (shard == nullptr || shut_down_ || shard->mode != Mode::kEnabled) return false;
  LookAtRetries(step.name);
  ContinueDrain(step.name);
  if (shard->state != State::kIdle) return false;
  ModelSwitchover switchover;
  switchover.name = step.name;
  switchover.proceeds = step.proceeds;
  switchover.commit_only = step.commit_only;
  switchover.grace_end = now_ + absl::Nanoseconds(step.grace_ns);
  switchover.hold_end = now_ + absl::Nanoseconds(step.timeout_ns);
  switchover.window = absl::Nanoseconds(config_.window_ns);
  switchover.old_primary = shard->primary;
  switchovers_[step.id] = switchover;
  Beginning how;
  how.by_operator = true;
  Begin(step.name, how);
  LookForQuiet();
  return true;
}

void Model::LookForQuiet() {
  for (auto& [id, switchover] : switchovers_) {
    if (switchover.end.has_value()) continue;
    const WorkInFlight left = InFlight(switchover.name);
    if (left.transactions == 0) switchover.all_held = true;
    if (switchover.all_held && left == WorkInFlight()) switchover.quiet = true;
  }
}

bool Model::AnotherIsBelieved(const ModelSwitchover& switchover) const {
  const std::optional<std::uint8_t>& primary = shards_[switchover.name].primary;
  return primary.has_value() && switchover.old_primary.has_value() &&
         primary != switchover.old_primary;
}

// Returns whether the news end the hold of the shard. During a switchover few do.
bool Model::NewsEnd(std::size_t name, StopReason reason) const {
  const ModelSwitchover* const switchover = SwitchoverOf(name);
  if (switchover == nullptr || reason == StopReason::kReshardingComplete) return true;
  if (switchover->commit_only || reason == StopReason::kPrimaryServingAgain) return false;
  return reason == StopReason::kMoveTablesSwitchedTraffic || AnotherIsBelieved(*switchover);
}

bool Model::Commit(std::uint32_t id) {
  ModelSwitchover& switchover = switchovers_.at(id);
  const std::size_t name = switchover.name;
  Shard& shard = shards_[name];
  // A switchover whose time is over is called off, also by Commit itself.
  if (!switchover.end.has_value()) RunSwitchover(name);
  if (switchover.end.has_value()) {
    return switchover.end == SwitchoverEnd::kCommitted ||
           switchover.end == SwitchoverEnd::kNewPrimary;
  }
  switchover.end = SwitchoverEnd::kCommitted;
  const bool another = AnotherIsBelieved(switchover);
  if (another && (!shard.down || shard.refuted)) {
    ++shard.epoch;
    Stop(name, StopReason::kManual);
    return true;
  }
  ++shard.epoch;
  shard.hold_end = shard.began + absl::Nanoseconds(config_.max_failover_duration_ns);
  if (!another && shard.primary.has_value()) {
    if (!shard.down || shard.refuted) shard.down_since = now_;
    shard.down = shard.seen_serving = shard.given_up = true;
    shard.refuted = shard.excused = false;
    shard.down_observed = now_;
  }
  if (!shard.primary.has_value()) shard.replaced_at = now_;
  shard.down_tick = ++tick_;
  return true;
}

bool Model::Abort(std::uint32_t id) {
  ModelSwitchover& switchover = switchovers_.at(id);
  if (switchover.end.has_value()) return false;
  CallOff(switchover, SwitchoverEnd::kAborted, StopReason::kManual);
  return true;
}

// Nothing is let go to a server that is known to be down: an ordinary hold begins.
void Model::CallOff(ModelSwitchover& switchover, SwitchoverEnd end, StopReason reason) {
  switchover.end = end;
  const Shard& shard = shards_[switchover.name];
  if (ReportedDown(shard)) {
    waits_after_stop_ = shard.down_since + absl::Nanoseconds(config_.down_confirmation_ns);
  }
  Stop(switchover.name, reason);
  waits_after_stop_.reset();
}

void Model::RunSwitchover(std::size_t name) {
  ModelSwitchover* const switchover = SwitchoverOf(name);
  if (switchover == nullptr) return;
  if (switchover->hold_end <= now_) {
    return CallOff(*switchover, SwitchoverEnd::kTimedOut, StopReason::kMaxDurationExceeded);
  }
  if (switchover->all_held || switchover->grace_end > now_) return;
  if (!switchover->proceeds) {
    return CallOff(*switchover, SwitchoverEnd::kOverdue, StopReason::kManual);
  }
  switchover->all_held = true;
  LookForQuiet();
}

// The hold of the shard has ended, whatever ended it.
void Model::EndSwitchover(std::size_t name, StopReason reason) {
  ModelSwitchover* const switchover = SwitchoverOf(name);
  if (switchover == nullptr) return;
  switch (reason) {
    case StopReason::kNewPrimarySeen:
      switchover->end = SwitchoverEnd::kNewPrimary;
      break;
    case StopReason::kReshardingComplete:
    case StopReason::kMoveTablesSwitchedTraffic:
      switchover->end = SwitchoverEnd::kShardGone;
      break;
    case StopReason::kShutdown:
      switchover->end = SwitchoverEnd::kShutdown;
      break;
    default:
      switchover->end = SwitchoverEnd::kAborted;
  }
}

SwitchoverProgress Model::ProgressOf(std::uint32_t id) const {
  const ModelSwitchover& switchover = switchovers_.at(id);
  SwitchoverProgress progress;
  progress.stage =
      switchover.all_held ? SwitchoverStage::kAllHeld : SwitchoverStage::kTransactionsEnd;
  if (switchover.end.has_value()) progress.stage = SwitchoverStage::kEnded;
  progress.in_flight = InFlight(switchover.name);
  progress.quiet = switchover.quiet;
  progress.end = switchover.end;
  return progress;
}

std::vector<std::uint32_t> Model::Switchovers() const {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, switchover] : switchovers_) ids.push_back(id);
  return ids;
}

}  // namespace failover::simulation
