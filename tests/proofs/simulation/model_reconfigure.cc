// How the Model takes other options.
#include <algorithm>
#include <utility>

#include "model.h"

namespace failover::simulation {

void Model::Reconfigure(const Config& next) {
  // What is missing from the budgets until now, by the options of before.
  const bool same_budget =
      next.max_failover_duration_ns == config_.max_failover_duration_ns &&
      next.min_time_between_failovers_ns == config_.min_time_between_failovers_ns;
  for (const std::size_t name : known_) {
    if (same_budget) break;
    Shard& shard = shards_[name];
    const absl::Time until = shard.state == State::kBuffering ? shard.began : now_;
    SpendBudget(shard, until, absl::ZeroDuration());
    const absl::Duration missing = shard.spent + shard.owed;
    shard.spent = std::min(missing, absl::Nanoseconds(next.max_failover_duration_ns));
    shard.owed = missing - shard.spent;
    shard.spent_at = until;
  }
  config_ = next;
  for (const std::size_t name : known_) {
    Shard& shard = shards_[name];
    const Mode before = std::exchange(shard.mode, ModeOf(name));
    const bool leaves = shard.mode != Mode::kEnabled;
    const bool held = shard.state == State::kBuffering;
    LookAtRetries(name);
    if (leaves && held && shard.mode != before) {
      if (ModelSwitchover* const missed = SwitchoverOf(name)) missed->quiet = false;
      Stop(name, StopReason::kManual);
    }
    if (leaves) shard.drain_waits_until.reset();
    if (shard.state == State::kDraining && shard.told_concurrency != config_.drain_concurrency) {
      shard.drain_limit = shard.told_concurrency = config_.drain_concurrency;
    }
    shard.drain_limit = std::min(
        shard.drain_limit, std::max(config_.drain_concurrency, config_.drain_concurrency_max));
    ContinueDrain(name);
  }
}

}  // namespace failover::simulation
