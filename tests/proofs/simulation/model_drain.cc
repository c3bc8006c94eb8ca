// How the Model lets held requests go.
#include <algorithm>
#include <utility>

#include "model.h"

namespace failover::simulation {

namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(250);
constexpr absl::Duration kNextAsk = absl::Milliseconds(10);
constexpr absl::Duration kProbe = absl::Seconds(1);
constexpr absl::Duration kNextProbeOnSuspicion = absl::Milliseconds(50);

}  // namespace

// ---- The speed of a drain.

void Model::Quicken(Shard& shard) {
  const std::int64_t most = std::max(config_.drain_concurrency, config_.drain_concurrency_max);
  shard.drain_limit = std::min(shard.drain_limit + 1, most);
}

void Model::Slow(Shard& shard) {
  shard.drain_limit = std::max<std::int64_t>(shard.drain_limit / 2, 1);
}

bool Model::IsUnended(const Held& request) {
  const bool retries = request.phase == Phase::kReleased || request.phase == Phase::kRetrying;
  return retries && !request.ending.error.has_value() && request.in_drain;
}

bool Model::HasTurn(const Held& request) const {
  return IsUnended(request) && !(request.step.may_probe && now_ - request.let_go_at >= kTurn);
}

bool Model::MayLetGo(std::size_t name) const {
  const auto most =
      static_cast<std::size_t>(std::max(config_.drain_concurrency, config_.drain_concurrency_max));
  std::size_t turns = 0;
  std::size_t unended = 0;
  for (const Held& request : requests_) {
    if (request.name != name) continue;
    if (HasTurn(request)) ++turns;
    if (IsUnended(request)) ++unended;
  }
  return turns < static_cast<std::size_t>(shards_[name].drain_limit) && unended < most;
}

std::optional<absl::Time> Model::DrainDue(std::size_t name) const {
  std::optional<absl::Time> due;
  const auto at = [&due](absl::Time time) { due = std::min(due.value_or(time), time); };
  if (shut_down_ || shards_[name].state != State::kDraining) return due;
  for (const Held& request : requests_) {
    if (request.name != name || !IsUnended(request)) continue;
    at(request.overdue_at);
    if (request.step.may_probe && HasTurn(request)) at(request.let_go_at + kTurn);
  }
  if (shards_[name].asks_again.has_value()) at(*shards_[name].asks_again);
  if (!DrainWaits(shards_[name])) return due;
  at(*shards_[name].drain_waits_until);
  // A cancel may have taken the last request out of the queue. The timer ends the drain then.
  if (IsOver(name)) at(absl::InfinitePast());
  return due;
}

bool Model::DrainWaits(const Shard& shard) const {
  return !shut_down_ && shard.drain_waits_until.has_value() && ReportedDown(shard);
}

void Model::ContinueDrain(std::size_t name) {
  Shard& shard = shards_[name];
  shard.asks_again.reset();
  FinishDrain(name);
  if (shard.state != State::kDraining) return;
  if (DrainWaits(shard)) {
    if (now_ < *shard.drain_waits_until) return;
    shard.drain_waits_until.reset();
    // A report is no request, so nothing is counted if no hold begins.
    if (BudgetAt(shard, now_) >= kLeastBudget) return Begin(name, {});
  }
  for (Held* request : HeldOf(name)) {
    if (!shut_down_ && !MayLetGo(name)) break;
    if (!shut_down_ && !GetsSharedTurn(name)) {
      shard.asks_again = now_ + kNextAsk;
      break;
    }
    request->drained = true;
    request->in_drain = true;
    request->shared_turn = !shut_down_;
    Release(*request, shard.stopped_by);
  }
}

void Model::FinishDrain(std::size_t name) {
  Shard& shard = shards_[name];
  if (shard.state == State::kDraining && IsOver(name)) SetState(shard, State::kIdle);
}

// Whether the drain has nothing left to do, and nothing to wait for.
bool Model::IsOver(std::size_t name) const {
  return std::none_of(requests_.begin(), requests_.end(), [&](const Held& request) {
    return request.name == name && (request.phase == Phase::kHeld || IsUnended(request));
  });
}

// Overdue retries count no more. The shard looks at them with everything that happens to it. Who
// goes in their place is decided after what happens.
void Model::LookAtRetries(std::size_t name) {
  if (shards_[name].state != State::kDraining) return;
  for (Held& request : requests_) {
    if (request.name != name || !IsUnended(request)) continue;
    // The turn is given back when the shard looks.
    request.shared_turn = request.shared_turn && HasTurn(request);
    if (request.overdue_at > now_) continue;
    request.in_drain = false;
    ++shards_[name].counters.retries_overdue;
  }
  FinishDrain(name);
}

void Model::ForgetRetries(std::size_t name) {
  for (Held& request : requests_) {
    if (request.name == name) request.in_drain = request.probe = false;
  }
}

void Model::Release(Held& request, std::optional<StopReason> released_by) {
  request.ending = {{}, released_by};
  request.phase = request.blocking ? Phase::kRetrying : Phase::kReleased;
  request.let_go = ++tick_;
  request.let_go_at = now_;
  const std::int64_t most =
      config_.max_retry_ns != 0 ? config_.max_retry_ns : config_.max_failover_duration_ns;
  request.overdue_at = std::min(now_ + absl::Nanoseconds(most), request.deadline);
  if (shut_down_) request.overdue_at = absl::InfiniteFuture();
}

void Model::Fail(Held& request, BufferErrorReason error) {
  request.ending = {error, {}};
  request.let_go = ++tick_;
  request.phase = request.blocking ? Phase::kOver : Phase::kReleased;
}

void Model::GiveBackSlot(Held& request) {
  request.phase = Phase::kOver;
  if (request.probe) ProbeEnded(request);
  ContinueDrain(request.name);
}

// ---- Probes.

absl::Duration Model::ProbeDelay(const Shard& shard) const {
  return shard.on_suspicion ? kNextProbeOnSuspicion : absl::Nanoseconds(config_.probe_after_ns);
}

Model::Held* Model::ProbeOf(std::size_t name) {
  for (Held& request : requests_) {
    if (request.name == name && request.probe) return &request;
  }
  return nullptr;
}

// The probe proved nothing.
void Model::ProbeEnded(Held& request) {
  request.probe = false;
  Shard& shard = shards_[request.name];
  if (shard.state != State::kBuffering) return;
  shard.probe_from = std::max(shard.evidence_from, now_ + ProbeDelay(shard));
}

Model::Held* Model::NextProbe(std::size_t name) {
  const Shard& shard = shards_[name];
  const bool down = shard.down && !shard.refuted;
  const bool may = shard.state == State::kBuffering && !shard.by_operator && !down;
  if (!may) return nullptr;
  Held* next = nullptr;
  for (Held* request : HeldOf(name)) {
    if (!request->refused || !request->step.may_probe) continue;
    if (next == nullptr || request->let_go < next->let_go) next = request;
  }
  return next;
}

// Returns when the next probe is let go, if nothing else happens.
std::optional<absl::Time> Model::ProbeDue(std::size_t name) const {
  Model& self = const_cast<Model&>(*this);
  if (self.NextProbe(name) == nullptr) return std::nullopt;
  return shards_[name].probe_from;
}

void Model::RunProbe(std::size_t name) {
  const std::optional<absl::Time> due = ProbeDue(name);
  if (!due.has_value() || *due > now_) return;
  if (Held* const late = ProbeOf(name)) late->probe = false;
  Held& probe = *NextProbe(name);
  probe.probe = true;
  shards_[name].probe_from = now_ + kProbe;
  probe.drained = true;
  Release(probe, std::nullopt);
}

// ---- Timers.

void Model::RunTimers() {
  if (shut_down_) {
    for (const std::size_t name : known_) LookAtRetries(name);
    return;
  }
  for (Held& request : requests_) {
    if (request.phase != Phase::kHeld || request.deadline > now_) continue;
    if (request.deadline > request.window_end) continue;
    request.evicted = EvictedReason::kContextDone;
    Fail(request, BufferErrorReason::kTimeout);
  }
  for (const std::size_t name : known_) {
    RunSwitchover(name);
    // After a change of the window, a request that came later may have to go earlier.
    std::vector<Held*> held = HeldOf(name);
    std::stable_sort(held.begin(), held.end(),
                     [](const Held* a, const Held* b) { return a->window_end < b->window_end; });
    for (Held* request : held) {
      if (request->window_end > now_) continue;
      request->evicted = EvictedReason::kWindowExceeded;
      const ModelSwitchover* const planned = SwitchoverOf(name);
      if (planned != nullptr && planned->all_held) {
        Fail(*request, BufferErrorReason::kWindowOver);
      } else {
        Release(*request, std::nullopt);
      }
    }
    LookAtRetries(name);
    ContinueDrain(name);
    RunProbe(name);
    EndHoldByEarlyReturn(name);
    EndHoldByTime(name);
  }
}

std::optional<Ending> Model::CallbackRan(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kReleased) return std::nullopt;
  const std::optional<BufferErrorReason>& error = request->ending.error;
  // Timeouts that end at the same moment have no order.
  if (error != BufferErrorReason::kTimeout) {
    for (const Held& other : requests_) {
      if (other.name == request->name && other.phase == Phase::kReleased &&
          other.ending.error == error && other.let_go < request->let_go) {
        return std::nullopt;
      }
    }
  }
  const Ending ending = request->ending;
  request->phase = error.has_value() ? Phase::kOver : Phase::kRetrying;
  return ending;
}

void Model::BeginShutdown() {
  shut_down_ = true;
  for (const std::size_t name : known_) {
    Stop(name, StopReason::kShutdown);
    ContinueDrain(name);
  }
}

void Model::BeginSlowShutdown() {
  if (shutdown_over_) {
    ++functions_run_;
    return;
  }
  ++functions_waiting_;
  if (!shut_down_) BeginShutdown();
  if (!grace_end_.has_value()) grace_end_ = now_ + absl::Nanoseconds(config_.window_ns);
}

bool Model::GoOnWithShutdown() {
  const bool waits = SlotsFree() < config_.size;
  if (!grace_end_.has_value() || (waits && now_ < *grace_end_)) return false;
  // A callback of this turn may have moved the clock. The Buffer looks at its retries a last time.
  RunTimers();
  EndShutdown();
  return true;
}

void Model::EndShutdown() {
  shutdown_over_ = true;
  grace_end_.reset();
  functions_run_ += std::exchange(functions_waiting_, 0);
  for (Held& request : requests_) {
    if (request.phase == Phase::kRetrying) request.phase = Phase::kOver;
  }
  for (const std::size_t name : known_) SetState(shards_[name], State::kIdle);
}

}  // namespace failover::simulation
