#include "model.h"

#include <algorithm>
#include <string>

namespace failover::simulation {

namespace {

template <typename Enum, std::size_t kSize>
void Count(std::array<std::uint64_t, kSize>& counters, Enum which) {
  ++counters[static_cast<std::size_t>(which)];
}

}  // namespace

Model::Model(const Config& config)
    : config_(config), now_(absl::UnixEpoch() + absl::Nanoseconds(config.clock_start_ns)) {}

// ---- Shards.

Model::Mode Model::ModeOf(std::size_t name) const {
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
  if (known_.size() == static_cast<std::size_t>(config_.max_shards)) {
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

Answer Model::Request(const Step& step) {
  if (step.by_name && !IsGoodName(step.name)) return {Verdict::kBadName, {}};
  if (step.cause == Cause::kOther) return {};
  Shard* const shard = step.by_name ? Find(step.name) : Known(step.name);
  if (shard == nullptr || OnlyCounted(*shard)) return {};

  const bool failed = step.cause == Cause::kFailover;
  switch (shard->state) {
    case State::kIdle: {
      const bool primary_lost = shard->primary_seen_serving && shard->primary_down;
      if (!failed && !primary_lost) return {};
      if (TooRecent(*shard)) return {};
      Start(*shard);
      return Hold(*shard, step);
    }
    case State::kBuffering:
      return Hold(*shard, step);
    case State::kDraining:
      return {};
  }
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

bool Model::TooRecent(Shard& shard) const {
  const absl::Duration least = absl::Nanoseconds(config_.min_time_between_failovers_ns);
  if (shard.last_end.has_value() && now_ - *shard.last_end < least) {
    Count(shard.counters.requests_skipped, SkippedReason::kLastFailoverTooRecent);
    return true;
  }
  if (shard.last_reparent.has_value() && now_ - *shard.last_reparent < least) {
    Count(shard.counters.requests_skipped, SkippedReason::kLastReparentTooRecent);
    return true;
  }
  return false;
}

void Model::Start(Shard& shard) {
  shard.state = State::kBuffering;
  shard.started = now_;
  ++shard.counters.starts;
  shard.counters.last_requests_in_flight_max = 0;
  shard.counters.last_requests_dry_run_max = 0;
}

Answer Model::Hold(Shard& shard, const Step& step) {
  if (shard.mode == Mode::kDryRun) {
    ++shard.counters.requests_buffered_dry_run;
    ++shard.counters.last_requests_dry_run_max;
    return {};
  }
  if (step.face == Face::kBlocking && step.cancelled) {
    return {Verdict::kRefused, BufferErrorReason::kCancelled};
  }
  if (TimeoutOf(step) <= absl::ZeroDuration()) {
    return {Verdict::kRefused, BufferErrorReason::kTimeout};
  }
  if (!MakeRoom(step.name, step.bytes)) {
    Count(shard.counters.requests_skipped, SkippedReason::kBufferFull);
    return {Verdict::kRefused, BufferErrorReason::kBufferFull};
  }

  Held request;
  request.id = step.id;
  request.name = step.name;
  request.blocking = step.face == Face::kBlocking;
  request.bytes = step.bytes;
  request.window_end = now_ + absl::Nanoseconds(config_.window_ns);
  const bool before_window = TimeoutOf(step) <= absl::Nanoseconds(config_.window_ns);
  request.deadline = before_window ? now_ + TimeoutOf(step) : absl::InfiniteFuture();
  requests_.push_back(request);

  const std::uint64_t held = HeldOf(step.name).size();
  shard.counters.last_requests_in_flight_max =
      std::max(shard.counters.last_requests_in_flight_max, held);
  return {Verdict::kHeld, {}};
}

// Makes room for one more request: a slot and its bytes. The shard's own oldest request may have to
// go for them. Either both a slot and the bytes can be had, or no request is evicted.
bool Model::MakeRoom(std::size_t name, std::size_t bytes) {
  const std::vector<Held*> own = HeldOf(name);
  if (SlotsFree() == 0 && own.empty()) return false;
  if (config_.max_bytes != 0) {
    std::uint64_t own_bytes = 0;
    for (const Held* request : own) own_bytes += request->bytes;
    const std::uint64_t others = BytesHeld() - own_bytes;
    if (others + bytes > config_.max_bytes) return false;
  }
  for (Held* oldest : own) {
    const bool bytes_fit = config_.max_bytes == 0 || BytesHeld() + bytes <= config_.max_bytes;
    if (SlotsFree() > 0 && bytes_fit) break;
    Fail(*oldest, BufferErrorReason::kEvicted);
    oldest->evicted = EvictedReason::kBufferFull;
  }
  return true;
}

void Model::CancelBlocking(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kHeld) return;
  Fail(*request, BufferErrorReason::kCancelled);
  request->evicted = EvictedReason::kContextDone;
}

bool Model::Cancel(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr) return false;
  if (request->phase == Phase::kHeld) request->evicted = EvictedReason::kContextDone;
  if (request->phase == Phase::kHeld || request->phase == Phase::kReleased) {
    request->cancelled = true;
    GiveBackSlot(*request);
  }
  return request->cancelled;
}

void Model::EndRetry(std::uint32_t id, RetryEnd how) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kRetrying) return;
  ShardStats& counters = shards_[request->name].counters;
  if (how == RetryEnd::kCallWithOk) ++counters.retries_succeeded;
  if (how == RetryEnd::kCallWithError) ++counters.retries_failed;
  GiveBackSlot(*request);
}

// ---- The end of a failover.

void Model::Stop(std::size_t name, StopReason reason) {
  Shard& shard = shards_[name];
  if (shard.state != State::kBuffering) return;
  ShardStats& counters = shard.counters;
  const absl::Duration lasted = now_ - shard.started;
  const auto size = static_cast<std::uint64_t>(config_.size);
  Count(counters.stops, reason);
  counters.last_failover_duration = lasted;
  counters.failover_duration_sum += lasted;
  counters.utilization_sum += 100 * counters.last_requests_in_flight_max / size;
  counters.utilization_dry_run_sum += 100 * counters.last_requests_dry_run_max / size;
  // The Buffer gives up the primary for which this failover waited: from here on, that primary does
  // not count as missing.
  if (reason == StopReason::kMaxDurationExceeded && shard.primary_down) {
    shard.primary_seen_serving = false;
  }
  shard.last_end = now_;
  shard.stopped_by = reason;
  shard.state = State::kDraining;
  if (reason == StopReason::kReshardingComplete) {
    for (Held* request : HeldOf(name)) {
      request->drained = true;
      Fail(*request, BufferErrorReason::kShardMissing);
    }
  }
  ContinueDrain(name);
}

void Model::ContinueDrain(std::size_t name) {
  Shard& shard = shards_[name];
  if (shard.state != State::kDraining) return;
  for (Held* request : HeldOf(name)) {
    const bool turn = DrainRetriesOf(name) < static_cast<std::size_t>(config_.drain_concurrency);
    if (!turn && !shut_down_) break;
    request->drained = true;
    request->in_drain = true;
    Release(*request, shard.stopped_by);
  }
  if (HeldOf(name).empty() && DrainRetriesOf(name) == 0) shard.state = State::kIdle;
}

void Model::Release(Held& request, std::optional<StopReason> released_by) {
  request.ending = {{}, released_by};
  request.phase = request.blocking ? Phase::kRetrying : Phase::kReleased;
}

void Model::Fail(Held& request, BufferErrorReason error) {
  request.ending = {error, {}};
  request.phase = request.blocking ? Phase::kOver : Phase::kReleased;
}

void Model::GiveBackSlot(Held& request) {
  request.phase = Phase::kOver;
  ContinueDrain(request.name);
}

void Model::RunTimers() {
  if (shut_down_) return;
  for (Held& request : requests_) {
    if (request.phase != Phase::kHeld || request.deadline > now_) continue;
    request.evicted = EvictedReason::kContextDone;
    Fail(request, BufferErrorReason::kTimeout);
  }
  for (Held& request : requests_) {
    if (request.phase != Phase::kHeld || request.window_end > now_) continue;
    request.evicted = EvictedReason::kWindowExceeded;
    Release(request, std::nullopt);
  }
  for (const std::size_t name : known_) {
    const absl::Time longest =
        shards_[name].started + absl::Nanoseconds(config_.max_failover_duration_ns);
    if (longest <= now_) Stop(name, StopReason::kMaxDurationExceeded);
  }
}

std::optional<Ending> Model::CallbackRan(std::uint32_t id) {
  Held* const request = ById(id);
  if (request == nullptr || request->phase != Phase::kReleased) return std::nullopt;
  const std::optional<BufferErrorReason>& error = request->ending.error;
  // Timeouts that end at the same moment have no order.
  if (error != BufferErrorReason::kTimeout) {
    for (const Held& older : requests_) {
      if (&older == request) break;
      if (older.name == request->name && older.phase == Phase::kReleased &&
          older.ending.error == error) {
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

void Model::EndShutdown() {
  for (Held& request : requests_) {
    if (request.phase == Phase::kRetrying) GiveBackSlot(request);
  }
}

// ---- Reports and events about the primaries.

void Model::Report(const Step& report) {
  if (report.tablet_type != TabletType::kPrimary) return;
  Shard* const shard = Find(report.name);
  if (shard == nullptr || shut_down_) return;
  if (report.up && report.serving) {
    ServingReport(report.name, report.alias, report.timestamp);
    return;
  }
  if (!shard->primary.has_value()) {
    shard->primary = report.alias;
    shard->primary_seen_serving = false;
  }
  if (shard->primary == report.alias) shard->primary_down = true;
}

void Model::ServingReport(std::size_t name, std::uint8_t alias, std::int64_t timestamp) {
  Shard& shard = shards_[name];
  const bool newer = timestamp > shard.newest_timestamp;
  const bool other = shard.primary.has_value() && *shard.primary != alias;
  if (other && !newer && shard.primary_seen_serving) return;

  const bool serving_again = shard.primary == alias && shard.primary_down;
  if (newer && other) shard.last_reparent = now_;
  if (newer) shard.newest_timestamp = timestamp;
  shard.primary = alias;
  shard.primary_seen_serving = true;
  shard.primary_down = false;
  if (newer) {
    Stop(name, StopReason::kNewPrimarySeen);
  } else if (serving_again) {
    Stop(name, StopReason::kPrimaryServingAgain);
  }
}

void Model::HandleKeyspaceEvent(const Step& event) {
  for (std::size_t i = 0; i < event.news_count; ++i) {
    const ShardNews& news = event.news[i];
    Shard* const shard = Find(news.name);
    if (shard == nullptr || shut_down_) continue;
    if (news.alias != 0 && shard->primary != news.alias) {
      if (shard->primary.has_value()) shard->last_reparent = now_;
      shard->primary = news.alias;
      shard->primary_seen_serving = false;
      shard->primary_down = false;
    }
    // An event about a move that is under way tells nothing else.
    if (event.move_tables_state == MoveTablesState::kSwitching) continue;
    if (!news.serving) shard->primary.reset();
    shard->primary_seen_serving = shard->primary.has_value();
    shard->primary_down = false;
    if (event.move_tables_state == MoveTablesState::kSwitched) {
      Stop(news.name, StopReason::kMoveTablesSwitchedTraffic);
    } else {
      Stop(news.name, news.serving ? StopReason::kNewPrimarySeen : StopReason::kReshardingComplete);
    }
  }
}

bool Model::StartBuffering(std::size_t name) {
  Shard* const shard = Known(name);
  if (shard == nullptr || shut_down_ || shard->mode == Mode::kDisabled) return false;
  if (shard->state != State::kIdle) return false;
  Start(*shard);
  return true;
}

bool Model::StopBuffering(std::size_t name) {
  Shard* const shard = Known(name);
  if (shard == nullptr || shard->state != State::kBuffering) return false;
  Stop(name, StopReason::kManual);
  return true;
}

// ---- What a user of the Buffer sees.

std::optional<absl::Time> Model::NextDue() const {
  std::optional<absl::Time> due;
  const auto at = [&due](absl::Time time) { due = std::min(due.value_or(time), time); };
  for (const Held& request : requests_) {
    if (request.phase == Phase::kReleased) at(now_);
    if (request.phase == Phase::kHeld) at(std::min(request.window_end, request.deadline));
  }
  for (const std::size_t name : known_) {
    if (shards_[name].state != State::kBuffering) continue;
    at(shards_[name].started + absl::Nanoseconds(config_.max_failover_duration_ns));
  }
  return due;
}

BufferStats Model::Stats() const {
  std::array<ShardStats, kNames> counted;
  for (const std::size_t name : known_) {
    counted[name] = shards_[name].counters;
    counted[name].state = shards_[name].state;
  }
  for (const Held& request : requests_) {
    ShardStats& stats = counted[request.name];
    ++stats.requests_buffered;
    if (request.drained) ++stats.requests_drained;
    if (request.evicted.has_value()) Count(stats.requests_evicted, *request.evicted);
    if (request.phase == Phase::kHeld) {
      ++stats.requests_held;
    } else if (TakesSlot(request)) {
      ++stats.requests_retrying;
    }
  }
  BufferStats stats;
  stats.size = static_cast<std::uint64_t>(config_.size);
  stats.slots_free = SlotsFree();
  stats.bytes_held = BytesHeld();
  stats.requests_skipped_too_many_shards = too_many_shards_;
  for (const std::size_t name : known_) stats.shards.push_back(std::move(counted[name]));
  return stats;
}

bool Model::TakesSlot(const Held& request) {
  switch (request.phase) {
    case Phase::kHeld:
    case Phase::kRetrying:
      return true;
    case Phase::kReleased:
      return !request.ending.error.has_value();
    case Phase::kOver:
      return false;
  }
  return false;
}

std::uint64_t Model::SlotsFree() const {
  const auto taken = std::count_if(requests_.begin(), requests_.end(), TakesSlot);
  return static_cast<std::uint64_t>(config_.size) - static_cast<std::uint64_t>(taken);
}

std::uint64_t Model::BytesHeld() const {
  std::uint64_t bytes = 0;
  for (const Held& request : requests_) {
    if (request.phase == Phase::kHeld) bytes += request.bytes;
  }
  return bytes;
}

std::size_t Model::DrainRetriesOf(std::size_t name) const {
  const auto drains = [name](const Held& request) {
    return request.name == name && request.in_drain && request.phase != Phase::kOver;
  };
  return static_cast<std::size_t>(std::count_if(requests_.begin(), requests_.end(), drains));
}

std::vector<Model::Held*> Model::HeldOf(std::size_t name) {
  std::vector<Held*> held;
  for (Held& request : requests_) {
    if (request.name == name && request.phase == Phase::kHeld) held.push_back(&request);
  }
  return held;
}

Model::Held* Model::ById(std::uint32_t id) {
  const auto same = [id](const Held& request) { return request.id == id; };
  const auto it = std::find_if(requests_.begin(), requests_.end(), same);
  return it == requests_.end() ? nullptr : &*it;
}

const Model::Held* Model::ById(std::uint32_t id) const {
  return const_cast<Model*>(this)->ById(id);
}

std::optional<Model::Phase> Model::PhaseOf(std::uint32_t id) const {
  const Held* const request = ById(id);
  if (request == nullptr) return std::nullopt;
  return request->phase;
}

Ending Model::EndingOf(std::uint32_t id) const { return ById(id)->ending; }

std::vector<std::uint32_t> Model::In(Phase phase) const {
  std::vector<std::uint32_t> ids;
  for (const Held& request : requests_) {
    if (request.phase == phase) ids.push_back(request.id);
  }
  return ids;
}

State Model::StateOf(std::size_t name) const { return shards_[name].state; }

std::vector<absl::Time> Model::Moments() const {
  std::vector<absl::Time> moments;
  const auto add = [this, &moments](absl::Time time) {
    if (time > now_ && time < absl::InfiniteFuture()) moments.push_back(time);
  };
  for (const Held& request : requests_) {
    if (request.phase != Phase::kHeld) continue;
    add(request.window_end);
    add(request.deadline);
  }
  const absl::Duration least = absl::Nanoseconds(config_.min_time_between_failovers_ns);
  for (const std::size_t name : known_) {
    const Shard& shard = shards_[name];
    if (shard.state == State::kBuffering) {
      add(shard.started + absl::Nanoseconds(config_.max_failover_duration_ns));
    }
    if (shard.last_end.has_value()) add(*shard.last_end + least);
    if (shard.last_reparent.has_value()) add(*shard.last_reparent + least);
  }
  return moments;
}

}  // namespace failover::simulation
