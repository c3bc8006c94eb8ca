// How a shard begins to hold requests, how long it holds them, and how it lets them go again.
#include <algorithm>
#include <cassert>
#include <chrono>

#include "shard/shard_buffer.h"

namespace failover::internal {
namespace {

// A shard logs at most one failover that a guard prevented in this time. vtgate has the same limit.
constexpr std::chrono::seconds kSkipLogInterval(5);

// The retry of a request that may come back gives up its turn after this time. A statement that
// takes longer must not make the others wait for it.
constexpr std::chrono::milliseconds kTurnTime(250);

std::string_view Why(HoldCause cause) {
  switch (cause) {
    case HoldCause::kFailedRequest:
      return "a request failed because of a failover";
    case HoldCause::kPrimaryDown:
      return "the primary does not serve";
    case HoldCause::kRefusedRetry:
      return "a retry was refused";
    case HoldCause::kOperator:
      return "it was told to start";
    case HoldCause::kSwitchover:
      return "a planned switchover";
  }
  return "";
}

}  // namespace

// ---- The beginning ------------------------------------------------------------------------------

// A shard that does not buffer any more first lets go what it has held.
bool ShardBuffer::MayBegin() const {
  return mode_ == Mode::kEnabled || (mode_ == Mode::kDryRun && activity_->queue.empty());
}

bool ShardBuffer::TryStart(Instant now, const Beginning& beginning, Effects* effects) {
  if (!EnsureActivity()) return false;
  const HoldCause cause = beginning.cause;
  if (cause == HoldCause::kRefusedRetry) {
    // Even if no hold begins: otherwise each hold that a failed request begins soon after ends with
    // the next serving report.
    activity_->patience.Extend(now);
    activity_->last_refused = NextEvent();
  }
  if (!MayBegin()) return false;
  StartGuard::Sign sign;
  sign.cause = cause;
  sign.may_probe = beginning.may_probe;
  sign.reported_down = primary_.IsMissed() && last_down_ > activity_->last_end;
  sign.last_reparent = primary_.last_reparent();
  const StartGuard::Judgement judgement = activity_->guard.Judge(terms().budget(), now, sign);
  if (judgement.verdict == StartGuard::Verdict::kPass) {
    if (cause == HoldCause::kRefusedRetry) activity_->guard.OnRefusedInVain();
    if (beginning.by_request) ++Skipped(judgement.reason);
    LogSkip(now, judgement, effects);
    return false;
  }
  Start(now, cause, judgement.verdict == StartGuard::Verdict::kStartOnSuspicion, effects);
  return true;
}

void ShardBuffer::LogSkip(Instant now, const StartGuard::Judgement& judgement, Effects* effects) {
  if (now < After(activity_->last_skip_log, kSkipLogInterval)) return;
  activity_->last_skip_log = now;
  effects->skipped = StartSkipped{mode_ == Mode::kDryRun, judgement.reason, judgement.elapsed,
                                  activity_->guard.latched()};
}

void ShardBuffer::Start(Instant now, HoldCause cause, bool on_suspicion, Effects* effects) {
  Activity& activity = *activity_;
  auto longest = activity.guard.BudgetLeft(terms().budget(), now);
  if (cause == HoldCause::kOperator) longest = terms().max_failover_duration;
  if (cause == HoldCause::kSwitchover) longest = activity.switchover->terms().hold_timeout;
  activity.hold =
      Hold(now, NextEvent(), cause, on_suspicion, terms().hold, activity.patience.until(), longest);
  activity.turns.Begin(terms().drain_concurrency, terms().drain_concurrency_max);
  activity.drain_waits_until = kLongAgo;
  activity.guard.OnStart();
  ++activity.counters.starts;
  activity.counters.last_requests_in_flight_max = activity.queue.size();
  activity.counters.last_requests_dry_run_max = 0;
  effects->started = FailoverStarted{mode_ == Mode::kDryRun, cause, on_suspicion};
  SetState(State::kBuffering, Why(cause), effects);
}

HoldBudgetStats ShardBuffer::BudgetStats(absl::Time epoch) const {
  const HoldBudget::Terms limits = terms().budget();
  HoldBudgetStats stats;
  const auto fill = [&stats, epoch](std::chrono::nanoseconds left, Instant as_of) {
    stats.left = absl::FromChrono(left);
    stats.as_of = epoch + absl::FromChrono(as_of.time_since_epoch());
  };
  stats.most = absl::FromChrono(limits.full);
  if (activity_ == nullptr) {
    fill(limits.full, Instant());
  } else if (state_ == State::kBuffering) {
    const Hold& hold = activity_->hold;
    fill(hold.longest_end() - hold.began(), hold.began());
    stats.most = stats.left;
    stats.per_second = -1;
  } else {
    const HoldBudget& budget = activity_->guard.budget();
    fill(budget.LeftThen(limits), budget.refilled_from());
    stats.per_second = std::chrono::duration<double>(limits.full) /
                       std::chrono::duration<double>(limits.refill_time);
  }
  return stats;
}

// ---- The end ------------------------------------------------------------------------------------

bool ShardBuffer::Stop(StopReason reason, Instant now, bool new_connections, Effects* effects) {
  if (NextStep(state_, Event::kFailoverEnd) != Step::kStop) return false;
  must_stop_ = false;
  Activity& activity = *activity_;
  const bool planned = activity.hold.IsPlanned();
  const bool dry_run = mode_ == Mode::kDryRun && activity.queue.empty();
  EndSwitchoverBecause(reason, effects);
  activity.last_end = NextEvent();
  CountFailover(reason, now);
  effects->stopped = FailoverStopped{
      dry_run, reason, now - activity.hold.began(), activity.queue.size(), activity.hold.seen(),
      planned};
  activity.guard.OnEnd(terms().budget(), activity.hold, reason, now);
  if (new_connections || activity.hold.retry_refused()) GrowEpoch();
  drain_reason_ = reason;
  activity.drain_began = now;
  activity.drained_before = activity.counters.requests_drained;
  activity.turns.Begin(terms().drain_concurrency, terms().drain_concurrency_max);
  SetState(State::kDraining, ToString(reason), effects);
  if (reason == StopReason::kReshardingComplete) FailAllAsMissing(effects);
  Drain(now, effects);
  return true;
}

void ShardBuffer::CountFailover(StopReason reason, Instant now) {
  ShardCounters& counters = activity_->counters;
  ++counters.stops[static_cast<std::size_t>(reason)];
  counters.last_failover_duration = absl::FromChrono(now - activity_->hold.began());
  counters.failover_duration_sum += counters.last_failover_duration;
  counters.failover_durations.Add(now - activity_->hold.began());
  const std::int64_t size = terms().size;
  const auto percent = [size](std::uint64_t peak) {
    return peak * 100 / static_cast<std::uint64_t>(size);
  };
  // A hold has counted in a dry run, or has held, or first the one and then the other.
  counters.utilization_dry_run_sum += percent(counters.last_requests_dry_run_max);
  counters.utilization_sum += percent(counters.last_requests_in_flight_max);
}

void ShardBuffer::EndLongHold(Instant now, Effects* effects) {
  const Hold& hold = activity_->hold;
  // Rule E9. A shard whose budget ended its holds is latched, too, once they took as long together
  // and nobody saw the shard take writes. Otherwise a primary that stays read-only would stall its
  // clients for a part of each minute.
  const auto held = now - hold.began();
  const auto held_since_health =
      hold.IsOperators() ? held : held + activity_->guard.held_since_health();
  if (held_since_health >= terms().max_failover_duration) {
    activity_->guard.LatchAtEnd(now);
    primary_.StopMissing();
  }
  Stop(StopReason::kMaxDurationExceeded, now, /*new_connections=*/false, effects);
}

// ---- The drain ----------------------------------------------------------------------------------

void ShardBuffer::Drain(Instant now, Effects* effects) {
  if (FinishDrain(effects)) return;
  if (DrainWaits()) {
    if (now < activity_->drain_waits_until) return;
    activity_->drain_waits_until = kLongAgo;
    // If no hold may begin, nothing would end the wait, so the drain goes on.
    if (TryStart(now, {HoldCause::kPrimaryDown}, effects)) return;
  }
  while (!activity_->queue.empty() && (closed_ || activity_->turns.Claim(now))) {
    ReleaseInDrain(now, effects);
  }
}

bool ShardBuffer::FinishDrain(Effects* effects) {
  if (!activity_->queue.empty() || activity_->turns.unended() > 0) return false;
  [[maybe_unused]] const Step step = NextStep(state_, Event::kDrainEnd);
  assert(step == Step::kFinish);
  effects->drained =
      DrainFinished{last_now_ - activity_->drain_began,
                    activity_->counters.requests_drained - activity_->drained_before};
  SetState(State::kIdle, "all held requests have retried", effects);
  return true;
}

void ShardBuffer::ReleaseInDrain(Instant now, Effects* effects) {
  Waiter* const waiter = activity_->queue.front();
  ++activity_->counters.requests_drained;
  waiter->let_go = NextEvent();
  if (closed_) {
    activity_->turns.TakeWithoutEntry();
    waiter->turn_entry = DrainTurns::kNoEntry;
  } else {
    const Instant overdue = std::min(After(now, terms().max_retry_time), waiter->deadline);
    const Instant gives_up = waiter->traits.may_probe ? After(now, kTurnTime) : kNever;
    waiter->turn_entry = activity_->turns.Take(waiter->let_go, gives_up, overdue);
  }
  Release(waiter, drain_reason_, Turn::kOfDrain, effects);
}

void ShardBuffer::ExpireTurns(Instant now, Effects* effects) {
  if (now < activity_->turns.next_due()) return;
  const std::size_t overdue = activity_->turns.Expire(now);
  if (overdue > 0) {
    activity_->counters.retries_overdue += overdue;
    effects->overdue = RetriesOverdue{overdue};
  }
}

void ShardBuffer::FailAllAsMissing(Effects* effects) {
  while (!activity_->queue.empty()) {
    ++activity_->counters.requests_drained;
    FailAndFree(activity_->queue.front(), BufferErrorReason::kShardMissing, effects);
  }
}

// ---- The probe ----------------------------------------------------------------------------------

Instant ShardBuffer::ProbeDue() const {
  // A feed that says "down" knows better, and so does an operator.
  if (!activity_->queue.has_probe_candidate() || primary_.IsDown() ||
      activity_->hold.IsOperators()) {
    return kNever;
  }
  return activity_->hold.next_probe();
}

void ShardBuffer::LetProbeGo(Instant now, Effects* effects) {
  Waiter* const waiter = activity_->queue.NextProbe();
  ++activity_->counters.requests_drained;
  waiter->let_go = NextEvent();
  activity_->hold.OnProbeLetGo(now, waiter->let_go);
  Release(waiter, std::nullopt, Turn::kProbe, effects);
}

}  // namespace failover::internal
