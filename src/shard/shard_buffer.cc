// The events of a shard. shard_holds.cc has the begin and the end of a hold, shard_queue.cc the
// ways into the queue and out of it, shard_retries.cc the ends of retries.
#include "shard/shard_buffer.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace failover::internal {
namespace {

constexpr std::uint32_t kHoldsAll = ShardGate::kStopsRequests | ShardGate::kStopsFailures;

std::uint32_t InitialGate(Mode mode) {
  return mode == Mode::kDisabled ? (ShardGate::kDisabled | kHoldsAll) : ShardGate::kStopsFailures;
}

}  // namespace

ShardBuffer::ShardBuffer(const ShardContext& context, std::string_view keyspace,
                         std::string_view shard, Mode mode, const DisabledLane& lane,
                         std::uint8_t terms_index)
    : ShardGate(InitialGate(mode)),
      lane_(lane.lane),
      terms_index_(terms_index),
      mode_(mode),
      keyspace_(keyspace),
      shard_(shard),
      context_(context),
      disabled_counters_(lane.counters),
      transitions_(context.tells_transitions ? std::make_unique<TransitionQueue>() : nullptr) {}

bool ShardBuffer::EnsureActivity() {
  if (activity_ == nullptr) {
    activity_.reset(new (std::nothrow) Activity(context_.shared_turns));
  }
  return activity_ != nullptr;
}

Instant ShardBuffer::Monotonic(Instant now) {
  // Callers read the clock before they get the mutex, so a later caller may bring an earlier time.
  // The wait of such a caller begins at the latest time that the shard has seen. The queue then
  // stays sorted by the ends of the windows.
  last_now_ = std::max(last_now_, now);
  return last_now_;
}

Instant ShardBuffer::Advance(Instant now, Effects* effects) {
  now = Monotonic(now);
  EndMissedSwitchover(now, effects);
  if (state_ != State::kDraining) return now;
  ExpireTurns(now, effects);
  FinishDrain(effects);
  return now;
}

bool ShardBuffer::IsMissed(Instant now) const {
  return primary_.IsMissed() && !IsLatched() &&
         now >= After(primary_.down_since(), terms().down_confirmation);
}

// ---- Requests -----------------------------------------------------------------------------------

Decision ShardBuffer::OnRequest(Instant now, const Request& request, Waiter* waiter,
                                Effects* effects) {
  if (request.previous != nullptr) return OnReturn(now, request, waiter, effects);
  if (mode_ == Mode::kDisabled && !closed_) {
    // The request read the gate before the shard was disabled.
    CountDisabled();
    return Pass(request.traits.work, waiter);
  }
  if (!EnsureActivity()) {
    if (!MayHold()) return Pass(request.traits.work, waiter);
    return {Decision::Kind::kRefused, Refusal::kNoMemory};
  }
  if (closed_) {
    ++Skipped(SkippedReason::kShutdown);
    return {};
  }
  now = Advance(now, effects);
  Decision decision = Decide(now, request, waiter, effects);
  if (decision.kind == Decision::Kind::kPass) decision = Pass(request.traits.work, waiter);
  GoOn(now, effects);
  return decision;
}

Decision ShardBuffer::Pass(Work work, Waiter* waiter) {
  waiter->traits.work = work;
  // No switchover begins any more.
  if (!closed_) CountWork(waiter);
  return {};
}

Decision ShardBuffer::Decide(Instant now, const Request& request, Waiter* waiter,
                             Effects* effects) {
  const Event event = request.failed() ? Event::kFailedRequest
                      : IsMissed(now)  ? Event::kRequestWithoutPrimary
                                       : Event::kRequest;
  if (event == Event::kRequest && PassesInSwitchover(request.traits.work)) return {};
  switch (NextStep(state_, event)) {
    case Step::kStart: {
      const HoldCause cause =
          request.failed() ? HoldCause::kFailedRequest : HoldCause::kPrimaryDown;
      if (!TryStart(now, {cause, request.traits.may_probe, true}, effects)) return {};
      break;
    }
    case Step::kJoin:
      if (!JoinsDrain(request)) return {};
      break;
    case Step::kHold:
      break;
    case Step::kPass:
      return {};
    case Step::kIgnore:
    case Step::kStop:
    case Step::kFinish:
    case Step::kCannotHappen:
      assert(false && "no request has this step");
      return {};
  }
  if (mode_ == Mode::kDryRun) {
    ++activity_->counters.requests_buffered_dry_run;
    ++activity_->counters.last_requests_dry_run_max;
    return {};
  }
  return HoldNew(now, request, waiter, effects);
}

void ShardBuffer::OnRefusalNoted(Instant now, Effects* effects) {
  if (closed_ || mode_ == Mode::kDisabled || !EnsureActivity()) return;
  now = Advance(now, effects);
  if (NextStep(state_, Event::kFailedRequest) == Step::kStart) {
    TryStart(now, {HoldCause::kFailedRequest, /*may_probe=*/false, /*by_request=*/true}, effects);
  }
  GoOn(now, effects);
}

void ShardBuffer::OnErrorSlippedPast(int code) {
  if (state_ == State::kIdle || activity_ == nullptr) return;
  ++activity_->counters.requests_slipped_past;
  activity_->counters.last_code_slipped_past = code;
}

void ShardBuffer::OnCancel(Instant now, Waiter* waiter) {
  Monotonic(now);
  ++Evicted(EvictedReason::kContextDone);
  context_.pool.ReturnBytes(waiter->bytes);
  context_.pool.ReturnSlots(1);
  Dequeue(waiter, WayOut::kContextDone);
  // The caller of the cancel is the only one who learns of the end.
  waiter->set_place(Place::kLeft);
}

void ShardBuffer::OnCancellation(Instant now, Waiter* waiter, Effects* effects) {
  Monotonic(now);
  ++Evicted(EvictedReason::kContextDone);
  FailAndFree(waiter, BufferErrorReason::kCancelled, effects);
}

// ---- Reports and commands -----------------------------------------------------------------------

void ShardBuffer::OnReport(Instant now, const TabletStats& stats, Observed observed,
                           Effects* effects) {
  now = Advance(now, effects);
  const News news = primary_.OnReport(now, stats, observed);
  NoteReport(news, stats);
  if (news != News::kLate) {
    if (activity_ != nullptr) activity_->guard.OnReport(now);
    OnPrimaryNews(news, now, observed, effects);
  }
  GoOn(now, effects);
}

void ShardBuffer::NoteReport(News news, const TabletStats& stats) {
  if (news == News::kLate && EnsureActivity()) ++activity_->counters.reports_late;
  if (state_ != State::kBuffering) return;
  SeenInHold& seen = activity_->hold.seen();
  seen.any_report = true;
  seen.late |= news == News::kLate;
  seen.old_primary |= news == News::kOldPrimary;
  seen.primary_down |= news == News::kPrimaryDown;
  seen.serving_not_up |= stats.serving && !stats.up;
}

void ShardBuffer::OnPrimaryNews(News news, Instant now, Observed observed, Effects* effects) {
  if (IsSwitching()) activity_->switchover->NoteBelieved(primary_.believed());
  std::optional<StopReason> end;
  switch (news) {
    case News::kNothing:
    case News::kLate:
    case News::kOldPrimary:
      break;
    case News::kPrimaryDown:
      last_down_ = NextEvent();
      if (state_ == State::kBuffering) activity_->hold.OnDown();
      break;
    case News::kServing:
    case News::kServingAgain: {
      NoteHealth();
      const bool was_down = news == News::kServingAgain;
      // Reports without a stamp count in the order in which they come.
      const Instant at = was_down && !observed.stamped ? now : observed.at;
      if (state_ != State::kBuffering || IsSwitching()) break;
      if (activity_->hold.EndsByServing(was_down, at)) {
        end = StopReason::kPrimaryServingAgain;
      } else if (was_down) {
        activity_->hold.OnEarlyReturn();
      }
      break;
    }
    case News::kNewPrimary:
      NoteHealth();
      end = StopReason::kNewPrimarySeen;
      break;
  }
  if (end.has_value() && !SwitchoverEndsBy(*end)) end.reset();
  const bool new_connections = primary_.TakeChange();
  const bool ended = end.has_value() && !closed_ && Stop(*end, now, new_connections, effects);
  if (new_connections && !ended) GrowEpoch();
  UpdateGate();
  if (news != News::kPrimaryDown || closed_ || !primary_.IsMissed() || IsLatched()) return;
  // A shard that does not buffer any more lets go what it has held, whatever is reported.
  if (mode_ != Mode::kEnabled) return;
  // The requests in the queue must not be sent to a server that is down. Drain begins the hold, as
  // soon as the report is confirmed.
  if (NextStep(state_, Event::kPrimaryDown) != Step::kStart) return;
  activity_->drain_waits_until = After(primary_.down_since(), terms().down_confirmation);
}

void ShardBuffer::OnKeyspaceEvent(Instant now, const ShardEvent& event, MoveTablesState move_tables,
                                  Effects* effects) {
  now = Advance(now, effects);
  std::optional<StopReason> end = primary_.OnKeyspaceEvent(now, event, move_tables);
  const bool new_connections = primary_.TakeChange();
  if (IsSwitching()) activity_->switchover->NoteBelieved(primary_.believed());
  if (end.has_value()) NoteHealth();
  if (end.has_value() && !SwitchoverEndsBy(*end)) end.reset();
  const bool ended = end.has_value() && !closed_ && Stop(*end, now, new_connections, effects);
  if (new_connections && !ended) GrowEpoch();
  UpdateGate();
  GoOn(now, effects);
}

bool ShardBuffer::OnStartCommand(Instant now, Effects* effects) {
  if (closed_ || mode_ == Mode::kDisabled) return false;
  now = Advance(now, effects);
  const bool started = NextStep(state_, Event::kStartCommand) == Step::kStart && EnsureActivity() &&
                       TryStart(now, {HoldCause::kOperator}, effects);
  GoOn(now, effects);
  return started;
}

bool ShardBuffer::OnStopCommand(Instant now, Effects* effects) {
  if (closed_ || NextStep(state_, Event::kFailoverEnd) != Step::kStop) return false;
  primary_.Excuse();
  return Stop(StopReason::kManual, Advance(now, effects), /*new_connections=*/false, effects);
}

// ---- Time ---------------------------------------------------------------------------------------

void ShardBuffer::OnTimer(Instant now, Effects* effects) {
  now = Monotonic(now);
  EndMissedSwitchover(now, effects);
  if (state_ == State::kIdle) return;
  while (activity_->queue.first_deadline() <= now) {
    ++Evicted(EvictedReason::kContextDone);
    FailAndFree(activity_->queue.first_to_time_out(), BufferErrorReason::kTimeout, effects);
  }
  OnSwitchoverTimer(now, effects);
  while (activity_->queue.first_window_end() <= now) {
    ++Evicted(EvictedReason::kWindowExceeded);
    Waiter* const waiter = activity_->queue.first_whose_window_ends();
    // The request came back with less than a window left. The old primary gets nothing any more.
    if (IsSwitching() && activity_->switchover->HoldsAll()) {
      FailAndFree(waiter, BufferErrorReason::kWindowOver, effects);
      continue;
    }
    waiter->let_go = NextEvent();
    Release(waiter, std::nullopt, Turn::kBesideDrain, effects);
  }
  if (state_ == State::kDraining) {
    ExpireTurns(now, effects);
    Drain(now, effects);
    return;
  }
  if (state_ != State::kBuffering) return;
  if (ProbeDue() <= now) LetProbeGo(now, effects);
  if (activity_->hold.return_counts() <= now) {
    Stop(StopReason::kPrimaryServingAgain, now, /*new_connections=*/false, effects);
    return;
  }
  if (activity_->hold.end() <= now) EndLongHold(now, effects);
}

Instant ShardBuffer::NextDue() const {
  // Invariant 5: the queue is empty in Idle.
  if (state_ == State::kIdle) return kNever;
  const Instant first =
      std::min(activity_->queue.first_deadline(), activity_->queue.first_window_end());
  if (state_ == State::kDraining) {
    // A cancel may have taken the last request out of a drain that waits. No event follows that, so
    // the timer finishes the drain at once.
    if (activity_->queue.empty() && activity_->turns.unended() == 0) return Instant();
    const Instant confirmed = DrainWaits() ? activity_->drain_waits_until : kNever;
    return std::min({first, activity_->turns.next_due(), confirmed});
  }
  return std::min(
      {first, ProbeDue(), activity_->hold.return_counts(), activity_->hold.end(), SwitchoverDue()});
}

// ---- The end ------------------------------------------------------------------------------------

void ShardBuffer::Close(Instant now, Effects* effects) {
  if (closed_) return;
  closed_ = true;
  now = Monotonic(now);
  Stop(StopReason::kShutdown, now, /*new_connections=*/false, effects);
  // Stop does nothing in a drain that is under way, so that drain goes on here.
  if (state_ == State::kDraining) Drain(now, effects);
  UpdateGate();
}

void ShardBuffer::Retire(Effects* effects) {
  assert(closed_);
  retired_ = true;
  if (activity_ == nullptr) return;
  assert(activity_->queue.empty());
  context_.pool.ReturnSlots(activity_->retrying);
  activity_->retrying = 0;
  activity_->turns.Begin(terms().drain_concurrency, 1);
  if (state_ != State::kIdle) SetState(State::kIdle, "shutdown", effects);
}

ShardStats ShardBuffer::Stats(absl::Time epoch) {
  ShardStats stats;
  stats.keyspace = keyspace_;
  stats.shard = shard_;
  const MutexLock lock(mutex_);
  stats.state = state_;
  const auto time_of = [epoch](Instant instant) {
    return epoch + absl::FromChrono(instant.time_since_epoch());
  };
  if (activity_ != nullptr) {
    static_cast<ShardCounters&>(stats) = activity_->counters;
    stats.requests_held = activity_->queue.size();
    stats.requests_retrying = static_cast<std::uint64_t>(activity_->retrying);
    if (!activity_->queue.empty()) stats.oldest_held_since = time_of(HeldSince());
  }
  stats.hold_budget = BudgetStats(epoch);
  const Instant last_report = primary_.last_report();
  if (last_report != kLongAgo) stats.last_report_at = time_of(last_report);
  if (disabled_counters_ != nullptr) {
    stats.requests_skipped[static_cast<std::size_t>(SkippedReason::kDisabled)] =
        disabled_counters_->Sum(lane_);
  }
  return stats;
}

void ShardBuffer::SetState(State state, std::string_view why, Effects* effects) {
  if (transitions_ != nullptr) {
    transitions_->Add({state_, state, why, activity_->queue.size(), epoch(), last_now_});
    effects->transitions |= transitions_->BeginDelivery();
  }
  state_ = state;
  UpdateGate();
}

void ShardBuffer::UpdateGate() {
  if (closed_) {
    Set(kHoldsAll);
    return;
  }
  if (mode_ == Mode::kDisabled) {
    Set(InitialGate(mode_));
    return;
  }
  const std::uint32_t missed =
      primary_.IsMissed() && !IsLatched() ? ShardGate::kStopsRequests : ShardGate::kOpen;
  switch (state_) {
    case State::kIdle:
      Set(ShardGate::kStopsFailures | missed);
      break;
    case State::kBuffering:
      Set((IsSwitching() ? activity_->switchover->GateBits() | missed : kHoldsAll) |
          ShardGate::kInFailover);
      break;
    case State::kDraining:
      Set(ShardGate::kStopsFailures | ShardGate::kInFailover | missed);
      break;
  }
}

}  // namespace failover::internal
