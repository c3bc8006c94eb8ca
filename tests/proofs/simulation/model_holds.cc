// When the holds of the Model begin and end.
#include <algorithm>
#include <utility>

#include "model.h"
#include "model_count.h"

namespace failover::simulation {

namespace {

constexpr absl::Duration kLeastPatience = absl::Milliseconds(50);
constexpr absl::Duration kMostPatience = absl::Seconds(1);
constexpr absl::Duration kFirstProbeOnSuspicion = absl::Milliseconds(50);

// Ends by the same primary start no guard.
bool StartsGuard(StopReason reason) {
  return reason != StopReason::kPrimaryServingAgain && reason != StopReason::kRetrySucceeded;
}

}  // namespace

// ---- What keeps a hold from beginning.

std::optional<SkippedReason> Model::Guard(const Shard& shard) const {
  const absl::Duration least = absl::Nanoseconds(config_.min_time_between_failovers_ns);
  if (shard.last_end.has_value() && now_ - *shard.last_end < least) {
    return SkippedReason::kLastFailoverTooRecent;
  }
  if (shard.last_reparent.has_value() && now_ - *shard.last_reparent < least) {
    return SkippedReason::kLastReparentTooRecent;
  }
  return std::nullopt;
}

bool Model::ReportedDown(const Shard& shard) const {
  return shard.primary.has_value() && shard.seen_serving && shard.down && !shard.refuted &&
         !shard.excused && !shard.latched;
}

bool Model::Missed(const Shard& shard) const {
  return ReportedDown(shard) &&
         now_ - shard.down_since >= absl::Nanoseconds(config_.down_confirmation_ns);
}

// Returns what is left at a time at which the shard does not hold. No page says how the
// budget is rounded, so this is rounded as the Buffer rounds it.
absl::Duration Model::BudgetAt(const Shard& shard, absl::Time time) const {
  const absl::Duration full = absl::Nanoseconds(config_.max_failover_duration_ns);
  const double passed = static_cast<double>(absl::ToInt64Nanoseconds(time - shard.spent_at)) / 1e9;
  const double share = passed / (static_cast<double>(config_.min_time_between_failovers_ns) / 1e9);
  if (shard.spent == absl::ZeroDuration() || share >= 1.0) return full;
  const auto back =
      static_cast<std::int64_t>(share * static_cast<double>(config_.max_failover_duration_ns));
  return full - std::max(shard.spent - absl::Nanoseconds(back), absl::ZeroDuration());
}

void Model::SpendBudget(Shard& shard, absl::Time time, absl::Duration more) const {
  const absl::Duration full = absl::Nanoseconds(config_.max_failover_duration_ns);
  const absl::Duration missing = full - BudgetAt(shard, time) + more;
  const absl::Duration rest = absl::Nanoseconds(config_.min_time_between_failovers_ns);
  if (time - shard.spent_at >= rest) shard.owed = absl::ZeroDuration();
  shard.spent = std::min(missing, full);
  shard.owed += missing - shard.spent;
}

bool Model::BudgetIsUsedUp(Shard& shard) {
  if (BudgetAt(shard, now_) >= kLeastBudget) return false;
  Count(shard.counters.requests_skipped, SkippedReason::kBudgetUsedUp);
  return true;
}

// ---- The beginning.

void Model::SetState(Shard& shard, State to) {
  if (shard.state == to) return;
  StateChange change;
  change.from = shard.state;
  change.to = to;
  change.when = now_;
  const auto name = static_cast<std::size_t>(&shard - shards_.data());
  change.held = HeldOf(name).size();
  shard.changes.push_back(change);
  shard.state = to;
}

void Model::Begin(std::size_t name, Beginning how) {
  Shard& shard = shards_[name];
  SetState(shard, State::kBuffering);
  ForgetRetries(name);
  shard.latched = shard.refused_in_vain = false;
  shard.began = now_;
  const absl::Duration longest = absl::Nanoseconds(config_.max_failover_duration_ns);
  shard.hold_end = now_ + (how.by_operator ? longest : std::min(longest, BudgetAt(shard, now_)));
  shard.suspicion_end = now_ + absl::Nanoseconds(config_.suspicion_ns);
  shard.evidence_from = std::max(now_, shard.patience_until);
  shard.began_tick = ++tick_;
  shard.by_operator = how.by_operator;
  shard.on_suspicion = how.on_suspicion;
  shard.down_since_begin = false;
  shard.refused_since_begin = false;
  shard.returned_early = false;
  shard.drain_waits_until.reset();
  shard.probe_from = now_ + (how.on_suspicion ? kFirstProbeOnSuspicion
                                              : absl::Nanoseconds(config_.probe_after_ns));
  shard.probe_from = std::max(shard.probe_from, shard.evidence_from);
  ++shard.counters.starts;
  shard.counters.last_requests_in_flight_max = HeldOf(name).size();
  shard.counters.last_requests_dry_run_max = 0;
}

bool Model::MayBegin(std::size_t name) {
  const Mode mode = shards_[name].mode;
  return mode == Mode::kEnabled || (mode == Mode::kDryRun && HeldOf(name).empty());
}

bool Model::BeginByMissedPrimary(std::size_t name) {
  Shard& shard = shards_[name];
  if (shard.state == State::kBuffering || !Missed(shard) || !MayBegin(name)) return false;
  if (BudgetIsUsedUp(shard)) return false;
  Begin(name, {});
  return true;
}

bool Model::BeginByError(std::size_t name, bool may_probe) {
  Shard& shard = shards_[name];
  if (!MayBegin(name)) return false;
  // As in vtgate, a hold may begin once nothing was heard for long.
  const absl::Duration silence = now_ - shard.latched_or_reported;
  if (shard.latched && silence < absl::Nanoseconds(config_.min_time_between_failovers_ns)) {
    Count(shard.counters.requests_skipped, SkippedReason::kLastFailoverTooRecent);
    return false;
  }
  if (BudgetIsUsedUp(shard)) return false;
  std::optional<SkippedReason> guard = Guard(shard);
  if (ReportedDown(shard) && shard.down_tick > shard.ended_tick) guard.reset();
  if (guard.has_value() && !may_probe) {
    Count(shard.counters.requests_skipped, *guard);
    return false;
  }
  Beginning how;
  how.on_suspicion = guard.has_value();
  Begin(name, how);
  return true;
}

bool Model::StartBuffering(std::size_t name) {
  Shard* const shard = Known(name);
  if (shard == nullptr || shut_down_ || shard->mode == Mode::kDisabled) return false;
  LookAtRetries(name);
  ContinueDrain(name);
  if (shard->state != State::kIdle) return false;
  Beginning how;
  how.by_operator = true;
  Begin(name, how);
  return true;
}

// ---- The end.

absl::Time Model::EndOfHold(const Shard& shard) const {
  const auto name = static_cast<std::size_t>(&shard - shards_.data());
  if (const ModelSwitchover* const planned = SwitchoverOf(name)) return planned->hold_end;
  if (shard.by_operator || !shard.on_suspicion) return shard.hold_end;
  return std::min(shard.hold_end, shard.suspicion_end);
}

void Model::EndHoldByEarlyReturn(std::size_t name) {
  const Shard& shard = shards_[name];
  if (!shard.returned_early || now_ < shard.evidence_from) return;
  Stop(name, StopReason::kPrimaryServingAgain);
}

void Model::EndHoldByTime(std::size_t name) {
  Shard& shard = shards_[name];
  if (shard.state != State::kBuffering || now_ < EndOfHold(shard)) return;
  const absl::Duration longest = absl::Nanoseconds(config_.max_failover_duration_ns);
  const absl::Duration lasted = now_ - shard.began;
  const absl::Duration before = shard.by_operator ? absl::ZeroDuration() : shard.held_in_vain;
  if (before + lasted >= longest) {
    shard.latched = true;
    shard.latched_or_reported = now_;
    shard.held_in_vain = absl::ZeroDuration();
    // The Buffer gives up the primary for which this failover waited: from here on, that primary
    // does not count as missing.
    if (shard.down) shard.seen_serving = false;
    shard.given_up = false;
    shard.replaced_at.reset();
  }
  Stop(name, StopReason::kMaxDurationExceeded);
  if (shard.latched) shard.held_in_vain = absl::ZeroDuration();
}

void Model::Stop(std::size_t name, StopReason reason) {
  Shard& shard = shards_[name];
  if (shard.state != State::kBuffering) return;
  EndSwitchover(name, reason);
  ShardStats& counters = shard.counters;
  const absl::Duration lasted = now_ - shard.began;
  const auto size = static_cast<std::uint64_t>(config_.size);
  Count(counters.stops, reason);
  counters.last_failover_duration = lasted;
  counters.failover_duration_sum += lasted;
  counters.utilization_sum += 100 * counters.last_requests_in_flight_max / size;
  counters.utilization_dry_run_sum += 100 * counters.last_requests_dry_run_max / size;
  // Nothing comes back to the budget during a hold, whoever began it.
  SpendBudget(shard, shard.began, shard.by_operator ? absl::ZeroDuration() : lasted);
  shard.spent_at = now_;
  if (!shard.by_operator) shard.held_in_vain += lasted;
  // Each other reason shows that the shard takes writes.
  if (reason != StopReason::kMaxDurationExceeded) shard.held_in_vain = absl::ZeroDuration();
  if (shard.refused_since_begin) ++shard.epoch;
  if (StartsGuard(reason)) shard.last_end = now_;
  shard.returned_early = false;
  shard.ended_tick = ++tick_;
  shard.stopped_by = reason;
  shard.drain_limit = shard.told_concurrency = config_.drain_concurrency;
  shard.drain_waits_until = waits_after_stop_;
  SetState(shard, State::kDraining);
  ForgetRetries(name);
  if (reason == StopReason::kReshardingComplete) {
    for (Held* request : HeldOf(name)) {
      request->drained = true;
      Fail(*request, BufferErrorReason::kShardMissing);
    }
  }
  ContinueDrain(name);
}

bool Model::StopBuffering(std::size_t name) {
  Shard* const shard = Known(name);
  if (shard == nullptr || shard->state != State::kBuffering) return false;
  // The operator knows better than the report that the primary is down.
  shard->excused = shard->down;
  shard->given_up = false;
  shard->replaced_at.reset();
  Stop(name, StopReason::kManual);
  return true;
}

// ---- E7 and E8.

void Model::TakesWrites(Shard& shard) {
  shard.held_in_vain = absl::ZeroDuration();
  shard.latched = shard.refused_in_vain = false;
}

void Model::RetrySucceeded(std::size_t name, Held& request) {
  Shard& shard = shards_[name];
  if (!request.refused_as_statement && !request.writes) return;
  if (request.let_go < shard.down_tick) return;
  if (request.let_go > shard.refused_tick) {
    shard.next_patience = kLeastPatience;
    shard.patience_until = absl::InfinitePast();
  }
  if (request.let_go > shard.ended_tick) TakesWrites(shard);
  // The primary that was down takes writes, so older connections may lead elsewhere.
  if (shard.down && !shard.refuted) ++shard.epoch;
  shard.refuted = shard.down;
  if (request.let_go < shard.began_tick) return;
  if (shard.state == State::kBuffering && !shard.by_operator) {
    Stop(name, StopReason::kRetrySucceeded);
  }
}

void Model::RetryRefused(std::size_t name, Held& request, bool came_back) {
  Shard& shard = shards_[name];
  const bool probe = std::exchange(request.probe, false);
  if (shut_down_ || shard.mode != Mode::kEnabled || request.let_go < shard.ended_tick) return;
  const bool holds = shard.state == State::kBuffering;
  // Connections to the old primary may be left, whenever the retry was let go.
  if (holds) shard.refused_since_begin = true;
  if (holds && request.let_go < shard.began_tick) return;
  // The patience grows even if no hold can begin now.
  shard.refused_tick = ++tick_;
  shard.patience_until = std::max(shard.patience_until, now_ + shard.next_patience);
  shard.next_patience = std::min(2 * shard.next_patience, kMostPatience);
  if (holds) {
    shard.on_suspicion = false;
  } else {
    const bool used_up = BudgetAt(shard, now_) < kLeastBudget;
    if (shard.latched || used_up) {
      shard.refused_in_vain = true;
      const SkippedReason why =
          shard.latched ? SkippedReason::kLastFailoverTooRecent : SkippedReason::kBudgetUsedUp;
      if (came_back) Count(shard.counters.requests_skipped, why);
      return;
    }
    Beginning how;
    how.on_suspicion = !ReportedDown(shard) || shard.down_tick <= shard.ended_tick;
    Begin(name, how);
    shard.refused_since_begin = true;
  }
  shard.evidence_from = std::max(shard.evidence_from, shard.patience_until);
  const bool first = !holds || probe;
  shard.probe_from = first ? shard.evidence_from : std::max(shard.probe_from, shard.evidence_from);
}

}  // namespace failover::simulation
