#include "shard/shard_buffer.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace failover::internal {
namespace {

// A shard logs at most one failover that a guard prevented in this time. vtgate has the same limit.
constexpr std::chrono::seconds kSkipLogInterval(5);

constexpr std::uint32_t kHoldsAll = ShardGate::kStopsRequests | ShardGate::kStopsFailures;

std::uint32_t InitialGate(Mode mode) {
  return mode == Mode::kDisabled ? (ShardGate::kDisabled | kHoldsAll) : ShardGate::kStopsFailures;
}

}  // namespace

ShardBuffer::ShardBuffer(const ShardContext& context, std::string_view keyspace,
                         std::string_view shard, Mode mode, StripedCounters* disabled_counters,
                         std::size_t lane)
    : ShardGate(InitialGate(mode)),
      keyspace_(keyspace),
      shard_(shard),
      context_(context),
      disabled_counters_(disabled_counters),
      lane_(static_cast<std::uint8_t>(lane)),
      mode_(mode) {}

bool ShardBuffer::EnsureCounters() {
  if (counters_ == nullptr) counters_.reset(new (std::nothrow) ShardCounters);
  return counters_ != nullptr;
}

Decision ShardBuffer::OnRequest(Instant now, const Request& request, Waiter* waiter,
                                Effects* effects) {
  if (!EnsureCounters()) {
    if (!MayHold()) return {};
    return {Decision::Kind::kRefused, Refusal::kNoMemory};
  }
  if (closed_) {
    ++Skipped(SkippedReason::kShutdown);
    return {};
  }
  now = Monotonic(now);
  const bool failed = request.failed || primary_.IsKnownDown();
  switch (NextStep(state_, failed ? Event::kFailedRequest : Event::kRequest)) {
    case Step::kStart:
      if (!MayStart(now, effects)) return {};
      Start(now, effects);
      effects->started->primary_known_down = !request.failed;
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
    ++counters_->requests_buffered_dry_run;
    ++counters_->last_requests_dry_run_max;
    return {};
  }
  return Hold(now, request, waiter, effects);
}

bool ShardBuffer::MayStart(Instant now, Effects* effects) {
  // The second guard matters if the end of a failover is reported before its first error. No
  // further report would end the buffering that this error began, so requests would be held until
  // max_failover_duration.
  return !TooSoonAfter(last_end_, SkippedReason::kLastFailoverTooRecent, now, effects) &&
         !TooSoonAfter(primary_.last_reparent(), SkippedReason::kLastReparentTooRecent, now,
                       effects);
}

bool ShardBuffer::TooSoonAfter(Instant event, SkippedReason guard, Instant now, Effects* effects) {
  if (now >= After(event, context_.min_time_between_failovers)) return false;
  ++Skipped(guard);
  if (now >= After(last_skip_log_, kSkipLogInterval)) {
    last_skip_log_ = now;
    effects->skipped = StartSkipped{mode_ == Mode::kDryRun, guard, now - event};
  }
  return true;
}

void ShardBuffer::Start(Instant now, Effects* effects) {
  started_ = now;
  ++counters_->starts;
  counters_->last_requests_in_flight_max = 0;
  counters_->last_requests_dry_run_max = 0;
  SetState(State::kBuffering);
  effects->started = FailoverStarted{mode_ == Mode::kDryRun, false};
}

bool ShardBuffer::Stop(StopReason reason, Instant now, Effects* effects) {
  if (NextStep(state_, Event::kFailoverEnd) != Step::kStop) return false;
  last_end_ = now;
  CountFailover(reason);
  counters_->last_failover_duration = absl::FromChrono(now - started_);
  counters_->failover_duration_sum += counters_->last_failover_duration;
  effects->stopped = FailoverStopped{mode_ == Mode::kDryRun, reason, now - started_, queue_.size()};
  if (reason == StopReason::kMaxDurationExceeded) primary_.StopMissing();
  drain_reason_ = reason;
  drained_before_ = counters_->requests_drained;
  SetState(State::kDraining);
  if (reason == StopReason::kReshardingComplete) FailAllAsMissing(effects);
  Drain(effects);
  return true;
}

void ShardBuffer::CountFailover(StopReason reason) {
  ++counters_->stops[static_cast<std::size_t>(reason)];
  const auto percent = [this](std::uint64_t peak) {
    return peak * 100 / static_cast<std::uint64_t>(context_.pool.size());
  };
  if (mode_ == Mode::kDryRun) {
    counters_->utilization_dry_run_sum += percent(counters_->last_requests_dry_run_max);
  } else {
    counters_->utilization_sum += percent(counters_->last_requests_in_flight_max);
  }
}

void ShardBuffer::Drain(Effects* effects) {
  while (!queue_.empty() && (closed_ || drain_retries_ < context_.drain_concurrency)) {
    ++counters_->requests_drained;
    Release(queue_.front(), drain_reason_, Turn::kOfDrain, effects);
  }
  if (!queue_.empty() || drain_retries_ > 0) return;
  [[maybe_unused]] const Step step = NextStep(state_, Event::kDrainEnd);
  assert(step == Step::kFinish);
  SetState(State::kIdle);
  effects->drained = DrainFinished{last_end_, counters_->requests_drained - drained_before_};
}

void ShardBuffer::FailAllAsMissing(Effects* effects) {
  while (!queue_.empty()) {
    ++counters_->requests_drained;
    FailAndFree(queue_.front(), BufferErrorReason::kShardMissing, effects);
  }
}

Decision ShardBuffer::Hold(Instant now, const Request& request, Waiter* waiter, Effects* effects) {
  const auto refuse = [](Refusal refusal) { return Decision{Decision::Kind::kRefused, refusal}; };
  if (request.cancelled) return refuse(Refusal::kCancelled);
  if (request.timeout <= std::chrono::nanoseconds::zero()) return refuse(Refusal::kTimeoutOver);
  std::optional<Refusal> full = ReserveDeadline(request);
  if (!full.has_value()) full = MakeRoom(request.bytes, effects);
  if (full.has_value()) {
    ++Skipped(SkippedReason::kBufferFull);
    return refuse(*full);
  }
  Enqueue(now, request, waiter);
  return Decision{Decision::Kind::kHeld, {}};
}

std::optional<Refusal> ShardBuffer::ReserveDeadline(const Request& request) {
  // The window ends before a longer timeout, so that timeout needs no timer.
  if (request.timeout > context_.window) return std::nullopt;
  try {
    deadlines_.Reserve(deadlines_.size() + 1);
  } catch (const std::bad_alloc&) {
    return Refusal::kNoMemory;
  }
  return std::nullopt;
}

std::optional<Refusal> ShardBuffer::MakeRoom(std::size_t bytes, Effects* effects) {
  if (context_.pool.max_bytes() != 0 && bytes > context_.pool.max_bytes())
    return Refusal::kTooLarge;
  // The shard can evict its own requests to free the bytes that they hold. A request that is
  // refused for its bytes takes no byte, not even for a moment: another shard might evict in vain
  // meanwhile.
  const std::uint64_t least = bytes > held_bytes_ ? bytes - held_bytes_ : 0;
  const std::optional<std::uint64_t> taken = context_.pool.TakeBytes(bytes, least);
  if (!taken.has_value()) return Refusal::kNoBytes;
  bool has_slot = context_.pool.TryTakeSlot();
  if (!has_slot && queue_.empty()) {
    context_.pool.ReturnBytes(*taken);
    return Refusal::kNoSlot;
  }
  const std::uint64_t missing = bytes - *taken;
  // Nothing below can fail, so no request is evicted in vain.
  std::uint64_t evicted_bytes = 0;
  while (!has_slot || evicted_bytes < missing) {
    Waiter* const oldest = queue_.front();
    evicted_bytes += oldest->bytes;
    ++Evicted(EvictedReason::kBufferFull);
    // The newcomer takes over the slot and the bytes of the evicted request.
    Dequeue(oldest);
    Deliver(oldest, WaitEnd::Failed(BufferErrorReason::kEvicted), effects);
    if (has_slot) context_.pool.ReturnSlots(1);
    has_slot = true;
  }
  context_.pool.ReturnBytes(evicted_bytes - missing);
  return std::nullopt;
}

void ShardBuffer::Enqueue(Instant now, const Request& request, Waiter* waiter) {
  waiter->set_place(Place::kHeld);
  waiter->bytes = request.bytes;
  waiter->window_end = After(now, context_.window);
  if (request.timeout <= context_.window) {
    waiter->deadline = After(now, request.timeout);
    deadlines_.Add(waiter);
  }
  queue_.PushBack(waiter);
  held_bytes_ += request.bytes;
  ++counters_->requests_buffered;
  counters_->last_requests_in_flight_max =
      std::max<std::uint64_t>(counters_->last_requests_in_flight_max, queue_.size());
}

void ShardBuffer::Release(Waiter* waiter, std::optional<StopReason> by, Turn turn,
                          Effects* effects) {
  context_.pool.ReturnBytes(waiter->bytes);
  ++retrying_;
  if (turn == Turn::kOfDrain) ++drain_retries_;
  Dequeue(waiter);
  Deliver(waiter, WaitEnd::Released(by, turn), effects);
}

void ShardBuffer::FailAndFree(Waiter* waiter, BufferErrorReason error, Effects* effects) {
  context_.pool.ReturnBytes(waiter->bytes);
  context_.pool.ReturnSlots(1);
  Dequeue(waiter);
  Deliver(waiter, WaitEnd::Failed(error), effects);
}

void ShardBuffer::OnCancel(Waiter* waiter, Effects* effects) {
  ++Evicted(EvictedReason::kContextDone);
  context_.pool.ReturnBytes(waiter->bytes);
  context_.pool.ReturnSlots(1);
  Dequeue(waiter);
  if (waiter->blocks_thread) {
    Deliver(waiter, WaitEnd::Failed(BufferErrorReason::kCancelled), effects);
  } else {
    // The caller of the cancel is the only one who learns of the end.
    waiter->set_place(Place::kLeft);
  }
}

void ShardBuffer::Dequeue(Waiter* waiter) {
  assert(waiter->place() == Place::kHeld);
  queue_.Remove(waiter);
  held_bytes_ -= waiter->bytes;
  if (deadlines_.Contains(waiter)) deadlines_.Remove(waiter);
}

void ShardBuffer::Deliver(Waiter* waiter, const WaitEnd& end, Effects* effects) {
  waiter->end = end;
  if (waiter->blocks_thread) {
    waiter->set_place(Place::kRunning);
    effects->threads.PushBack(waiter);
  } else {
    waiter->set_place(Place::kReady);
    effects->ready.PushBack(waiter);
  }
}

void ShardBuffer::OnRetryEnd(Turn turn, RetryOutcome outcome, Effects* effects) {
  if (retired_) return;
  --retrying_;
  context_.pool.ReturnSlots(1);
  if (outcome == RetryOutcome::kSucceeded) ++counters_->retries_succeeded;
  if (outcome == RetryOutcome::kFailed) ++counters_->retries_failed;
  if (turn != Turn::kOfDrain) return;
  --drain_retries_;
  Drain(effects);
}

void ShardBuffer::OnReport(Instant now, const TabletStats& stats, Effects* effects) {
  now = Monotonic(now);
  const std::optional<StopReason> end = primary_.OnReport(now, stats);
  UpdateGate();
  if (end.has_value() && !closed_) Stop(*end, now, effects);
}

void ShardBuffer::OnKeyspaceEvent(Instant now, const ShardEvent& event, MoveTablesState move_tables,
                                  Effects* effects) {
  now = Monotonic(now);
  const std::optional<StopReason> end = primary_.OnKeyspaceEvent(now, event, move_tables);
  UpdateGate();
  if (end.has_value() && !closed_) Stop(*end, now, effects);
}

bool ShardBuffer::OnStartCommand(Instant now, Effects* effects) {
  if (closed_ || mode_ == Mode::kDisabled) return false;
  if (NextStep(state_, Event::kStartCommand) != Step::kStart || !EnsureCounters()) return false;
  Start(Monotonic(now), effects);
  return true;
}

bool ShardBuffer::OnStopCommand(Instant now, Effects* effects) {
  return !closed_ && Stop(StopReason::kManual, Monotonic(now), effects);
}

void ShardBuffer::OnTimer(Instant now, Effects* effects) {
  now = Monotonic(now);
  while (!deadlines_.empty() && deadlines_.top()->deadline <= now) {
    ++Evicted(EvictedReason::kContextDone);
    FailAndFree(deadlines_.top(), BufferErrorReason::kTimeout, effects);
  }
  while (!queue_.empty() && queue_.front()->window_end <= now) {
    ++Evicted(EvictedReason::kWindowExceeded);
    Release(queue_.front(), std::nullopt, Turn::kBesideDrain, effects);
  }
  // NextDue computes the same sum, so that a timer which fires at that time has something to do.
  if (state_ == State::kBuffering && now >= After(started_, context_.max_failover_duration)) {
    Stop(StopReason::kMaxDurationExceeded, now, effects);
  }
}

Instant ShardBuffer::NextDue() const {
  Instant first = kNever;
  if (!deadlines_.empty()) first = deadlines_.top()->deadline;
  if (!queue_.empty()) first = std::min(first, queue_.front()->window_end);
  if (state_ == State::kBuffering) {
    first = std::min(first, After(started_, context_.max_failover_duration));
  }
  return first;
}

void ShardBuffer::Close(Instant now, Effects* effects) {
  if (closed_) return;
  closed_ = true;
  Stop(StopReason::kShutdown, Monotonic(now), effects);
  // Stop does nothing in a drain that is under way, so that drain goes on here.
  if (state_ == State::kDraining) Drain(effects);
  UpdateGate();
}

void ShardBuffer::Retire() {
  assert(closed_ && queue_.empty());
  retired_ = true;
  context_.pool.ReturnSlots(retrying_);
  retrying_ = 0;
  drain_retries_ = 0;
  SetState(State::kIdle);
}

ShardStats ShardBuffer::Stats() {
  ShardStats stats;
  stats.keyspace = keyspace_;
  stats.shard = shard_;
  const MutexLock lock(mutex_);
  if (counters_ != nullptr) static_cast<ShardCounters&>(stats) = *counters_;
  stats.state = state_;
  stats.requests_held = queue_.size();
  stats.requests_retrying = static_cast<std::uint64_t>(retrying_);
  if (disabled_counters_ != nullptr) {
    stats.requests_skipped[static_cast<std::size_t>(SkippedReason::kDisabled)] =
        disabled_counters_->Sum(lane_);
  }
  return stats;
}

void ShardBuffer::SetState(State state) {
  state_ = state;
  UpdateGate();
}

void ShardBuffer::UpdateGate() {
  if (closed_) {
    Set(kHoldsAll);
    return;
  }
  if (mode_ == Mode::kDisabled) return;
  switch (state_) {
    case State::kIdle:
      Set(primary_.IsKnownDown() ? kHoldsAll : ShardGate::kStopsFailures);
      break;
    case State::kBuffering:
      Set(kHoldsAll);
      break;
    case State::kDraining:
      Set(ShardGate::kOpen);
      break;
  }
}

Instant ShardBuffer::Monotonic(Instant now) {
  // Callers read the clock before they get the mutex, so a later caller may bring an earlier time.
  // The wait of such a caller begins at the latest time that the shard has seen. The queue then
  // stays sorted by the ends of the windows.
  last_now_ = std::max(last_now_, now);
  return last_now_;
}

}  // namespace failover::internal
