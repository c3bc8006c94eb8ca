// The requests of the Model. Its other parts are in model_holds.cc, model_drain.cc,
// model_reports.cc and model_look.cc.
#include "model.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "model_count.h"

namespace failover::simulation {

Model::Model(const Config& config)
    : config_(config), now_(absl::UnixEpoch() + absl::Nanoseconds(config.clock_start_ns)) {}

// ---- Shards.

Mode Model::ModeOf(std::size_t name) const {
  bool listed = config_.shard_listed[name];
  for (std::size_t other = 0; other < kNames; ++other) {
    listed = listed ||
             (config_.keyspace_listed[other] && NameOf(other).keyspace == NameOf(name).keyspace);
  }
  if (config_.enabled && (listed || !config_.AnyListed())) return Mode::kEnabled;
  return config_.dry_run ? Mode::kDryRun : Mode::kDisabled;
}

Model::Shard* Model::Find(std::size_t name) {
  Shard& shard = shards_[name];
  if (!IsGoodName(name)) return nullptr;
  if (shard.known) return &shard;
  if (known_.size() >= static_cast<std::size_t>(config_.max_shards)) {
    ++too_many_shards_;
    return nullptr;
  }
  if (shut_down_) return nullptr;
  shard.known = true;
  shard.mode = ModeOf(name);
  shard.counters.keyspace = std::string(NameOf(name).keyspace);
  shard.counters.shard = std::string(NameOf(name).shard);
  known_.push_back(name);
  return &shard;
}

Model::Shard* Model::Known(std::size_t name) {
  return shards_[name].known ? &shards_[name] : nullptr;
}

bool Model::GetShard(std::size_t name) { return Find(name) != nullptr; }

// ---- Requests.

Answer Model::Request(const Step& step, bool in_callback) {
  in_callback_ = in_callback;
  // The token that came back counts its work no more, whatever becomes of the request.
  EndWork(step.previous);
  const Answer answer = Decide(step);
  LookForQuiet();
  return answer;
}

Answer Model::Decide(const Step& step) {
  const Attempt attempt = AttemptOf(step.cause);
  Held* const previous = ById(step.previous);
  const bool comes_back = previous != nullptr && previous->phase == Phase::kRetrying;
  if (step.by_name && !IsGoodName(step.name)) {
    if (comes_back) EndRetry(previous->id, Attempt::kNone);
    return {Verdict::kBadName, {}};
  }
  const bool other_error = attempt == Attempt::kFailed || attempt == Attempt::kUnknown;
  Shard* const shard = step.by_name && !other_error ? Find(step.name) : Known(step.name);
  // An attempt on one shard says nothing about another shard.
  if (comes_back && (shard == nullptr || previous->name != step.name)) {
    EndRetry(previous->id, Attempt::kNone);
  } else if (comes_back && !IsFailover(step.cause)) {
    EndRetry(previous->id, attempt);
  } else if (comes_back && !shut_down_ && shard->mode == Mode::kDisabled) {
    EndRetry(previous->id, attempt);
  } else if (comes_back) {
    const Answer answer = ComeBack(*shard, step, *previous);
    if (answer.verdict == Verdict::kPasses) CountPassed(step);
    return answer;
  }
  if (shard == nullptr) return {};
  if (other_error) {
    const auto code = step.cause == Cause::kOther ? absl::StatusCode::kInvalidArgument
                                                  : absl::StatusCode::kUnavailable;
    SlipsPast(*shard, static_cast<int>(code));
    return {};
  }
  if (OnlyCounted(*shard)) {
    CountPassed(step);
    return {};
  }
  const bool failed = IsFailover(step.cause);
  const bool open = !Stops(step.name, step.work) && !ReportedDown(*shard);
  // A request that has not failed passes an open gate, and nobody looks at the shard.
  if (!failed && open) {
    CountPassed(step);
    return {};
  }
  LookAtRetries(step.name);
  const Answer answer = NewRequest(*shard, step);
  if (answer.verdict == Verdict::kPasses) CountPassed(step);
  ContinueDrain(step.name);
  return answer;
}

Answer Model::NewRequest(Shard& shard, const Step& step) {
  if (IsFailover(step.cause)) return FailedRequest(shard, step, nullptr);
  const bool missed = shard.state == State::kBuffering && Missed(shard);
  const bool holds = Stops(step.name, step.work) || missed || BeginByMissedPrimary(step.name);
  return holds ? Hold(shard, step, nullptr) : Answer();
}

void Model::SlipsPast(Shard& shard, int code) {
  if (shut_down_ || shard.state == State::kIdle || shard.mode == Mode::kDisabled) return;
  ++shard.counters.requests_slipped_past;
  shard.counters.last_code_slipped_past = code;
}

Answer Model::FailedRequest(Shard& shard, const Step& step, Held* previous) {
  switch (shard.state) {
    case State::kIdle:
      if (!BeginByError(step.name, step.may_probe)) return Pass(previous);
      return Hold(shard, step, previous);
    case State::kBuffering:
      return Hold(shard, step, previous);
    case State::kDraining:
      if (step.may_probe && !shard.latched && !shard.refused_in_vain) {
        const Answer answer = Hold(shard, step, previous);
        ContinueDrain(step.name);
        return answer;
      }
      Count(shard.counters.requests_skipped, SkippedReason::kDraining);
      return Pass(previous);
  }
  return {};
}

// The retry of `previous` was refused, and its request comes back to its shard.
Answer Model::ComeBack(Shard& shard, const Step& step, Held& previous) {
  LookAtRetries(step.name);
  ++shard.counters.retries_failed;
  if (shut_down_) {
    OnlyCounted(shard);
    return Pass(&previous);
  }
  const bool adapts = previous.in_drain && previous.step.may_probe;
  if (adapts && AttemptOf(step.cause) == Attempt::kRefusedAtConnect) Slow(shard);
  // Nothing is held again where nothing is held any more.
  if (shard.mode != Mode::kEnabled) return Pass(&previous);
  const bool proves = previous.let_go > shard.ended_tick;
  if (!proves) return FailedRequest(shard, step, &previous);
  RetryRefused(step.name, previous, /*came_back=*/true);
  if (shard.state != State::kBuffering) return Pass(&previous);
  return Hold(shard, step, &previous);
}

// The request is not held, so the retry that it was has ended.
Answer Model::Pass(Held* previous) {
  if (previous != nullptr) GiveBackSlot(*previous);
  return {};
}

bool Model::OnlyCounted(Shard& shard) {
  if (shut_down_) {
    Count(shard.counters.requests_skipped, SkippedReason::kShutdown);
    return true;
  }
  if (shard.mode == Mode::kDisabled) {
    Count(shard.counters.requests_skipped, SkippedReason::kDisabled);
    return true;
  }
  return false;
}

Answer Model::Hold(Shard& shard, const Step& step, Held* previous) {
  if (shard.mode == Mode::kDryRun) {
    ++shard.counters.requests_buffered_dry_run;
    ++shard.counters.last_requests_dry_run_max;
    return {};
  }
  const auto refuse = [&](BufferErrorReason reason) {
    if (previous != nullptr) GiveBackSlot(*previous);
    return Answer{Verdict::kRefused, reason};
  };
  if (previous != nullptr && previous->window_end <= now_) {
    return refuse(BufferErrorReason::kWindowOver);
  }
  if (step.cancelled) return refuse(BufferErrorReason::kCancelled);
  absl::Time deadline = now_ + TimeoutOf(step);
  if (previous != nullptr) deadline = std::min(deadline, previous->deadline);
  if (deadline <= now_) return refuse(BufferErrorReason::kTimeout);
  if (step.face == Face::kBlocking && in_callback_) {
    Pass(previous);
    return {Verdict::kBlocksPoller, {}};
  }
  if (!MakeRoom(step.name, step.bytes, previous == nullptr)) {
    Count(shard.counters.requests_skipped, SkippedReason::kBufferFull);
    return refuse(BufferErrorReason::kBufferFull);
  }

  Held request;
  request.step = step;
  request.id = step.id;
  request.name = step.name;
  request.blocking = step.face == Face::kBlocking;
  request.bytes = step.bytes;
  request.place = ++tick_;
  request.window_end = now_ + WindowOf(step.name);
  request.deadline = deadline;
  request.refused = IsFailover(step.cause);
  request.refused_as_statement = AttemptOf(step.cause) == Attempt::kRefused;
  request.writes = step.writes;
  if (previous != nullptr) {
    request.place = previous->place;
    request.window_end = previous->window_end;
    request.let_go = previous->let_go;
    request.refused_as_statement |= previous->refused_as_statement;
    request.writes |= previous->writes;
    request.held_again = true;
    previous->phase = Phase::kOver;
  }
  requests_.push_back(request);

  const std::uint64_t held = HeldOf(step.name).size();
  shard.counters.last_requests_in_flight_max =
      std::max(shard.counters.last_requests_in_flight_max, held);
  return {Verdict::kHeld, {}};
}

// Makes room for one more request: a slot and its bytes. The shard's own oldest request may have to
// go for them. Either both a slot and the bytes can be had, or no request is evicted. A request
// that comes back has a slot, and evicts nobody.
bool Model::MakeRoom(std::size_t name, std::size_t bytes, bool needs_slot) {
  const std::vector<Held*> own = HeldOf(name);
  const auto bytes_fit = [&] {
    if (!SharedBytesFit(bytes, 0)) return false;
    return config_.max_bytes == 0 || bytes == 0 || BytesHeld() + bytes <= config_.max_bytes;
  };
  if (!needs_slot) return bytes_fit();
  const auto slot_free = [&] {
    const auto most = static_cast<std::uint64_t>(config_.max_per_shard);
    return SlotsFree() > 0 && SharedSlotsFree() > 0 && (most == 0 || SlotsOf(name) < most);
  };
  if (!slot_free() && own.empty()) return false;
  // More is held than the options allow since they changed. Nobody is evicted for that.
  const auto most_slots = static_cast<std::uint64_t>(config_.max_per_shard);
  if (SlotsFree() < 0 || (most_slots != 0 && SlotsOf(name) > most_slots)) return false;
  std::uint64_t own_bytes = 0;
  for (const Held* request : own) own_bytes += request->bytes;
  if (!SharedBytesFit(bytes, own_bytes)) return false;
  if (config_.max_bytes != 0 && bytes > 0) {
    if (BytesHeld() > config_.max_bytes) return false;
    const std::uint64_t others = BytesHeld() - own_bytes;
    if (others + bytes > config_.max_bytes) return false;
  }
  for (Held* oldest : own) {
    if (slot_free() && bytes_fit()) break;
    Fail(*oldest, BufferErrorReason::kEvicted);
    oldest->evicted = EvictedReason::kBufferFull;
  }
  return true;
}

void Model::CancelByContext(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kHeld) return;
  Fail(*request, BufferErrorReason::kCancelled);
  request->evicted = EvictedReason::kContextDone;
}

bool Model::Cancel(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr) return false;
  if (request->phase == Phase::kHeld) {
    request->evicted = EvictedReason::kContextDone;
    request->phase = Phase::kOver;
    request->cancelled = true;
  } else if (request->phase == Phase::kReleased) {
    request->cancelled = true;
    if (TakesSlot(*request)) {
      LookAtRetries(request->name);
      GiveBackSlot(*request);
    }
    request->phase = Phase::kOver;
    LookForQuiet();
  }
  return request->cancelled;
}

void Model::EndRetry(std::uint32_t id, Attempt outcome) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kRetrying) return;
  const std::size_t name = request->name;
  Shard& shard = shards_[name];
  LookAtRetries(name);
  const bool adapts = request->in_drain && request->step.may_probe;
  request->phase = Phase::kOver;
  const bool refused = outcome == Attempt::kRefused || outcome == Attempt::kRefusedAtConnect;
  if (request->probe && !refused) ProbeEnded(*request);
  switch (outcome) {
    case Attempt::kNone:
      break;
    case Attempt::kSucceeded:
      ++shard.counters.retries_succeeded;
      if (adapts) Quicken(shard);
      RetrySucceeded(name, *request);
      break;
    case Attempt::kRefused:
    case Attempt::kRefusedAtConnect:
      ++shard.counters.retries_failed;
      if (adapts && outcome == Attempt::kRefusedAtConnect) Slow(shard);
      RetryRefused(name, *request, /*came_back=*/false);
      break;
    case Attempt::kFailed:
      ++shard.counters.retries_failed;
      break;
    case Attempt::kUnknown:
      ++shard.counters.retries_failed;
      if (adapts) Slow(shard);
      break;
  }
  ContinueDrain(name);
  LookForQuiet();
}

void Model::NoteRefused(std::size_t name) {
  Shard* const shard = Known(name);
  if (shard == nullptr || shut_down_ || shard->mode == Mode::kDisabled) return;
  LookAtRetries(name);
  if (shard->state == State::kIdle) BeginByError(name, false);
  ContinueDrain(name);
}

}  // namespace failover::simulation
