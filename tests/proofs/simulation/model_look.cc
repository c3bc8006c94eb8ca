// What a user of the Buffer sees of the Model.
#include <algorithm>
#include <utility>

#include "model.h"
#include "model_count.h"

namespace failover::simulation {

std::optional<absl::Time> Model::NextDue() const {
  std::optional<absl::Time> due;
  const auto at = [&due](absl::Time time) {
    if (time < absl::InfiniteFuture()) due = std::min(due.value_or(time), time);
  };
  if (grace_end_.has_value()) at(ShutdownIsReady() ? now_ : *grace_end_);
  for (const Held& request : requests_) {
    if (request.phase == Phase::kReleased) at(now_);
    if (request.phase == Phase::kHeld) at(std::min(request.window_end, request.deadline));
  }
  for (const std::size_t name : known_) {
    if (shards_[name].state == State::kBuffering) at(EndOfHold(shards_[name]));
    const ModelSwitchover* const planned = SwitchoverOf(name);
    if (planned != nullptr && !planned->all_held) at(planned->grace_end);
    if (shards_[name].returned_early) at(shards_[name].evidence_from);
    if (const std::optional<absl::Time> probe = ProbeDue(name)) at(*probe);
    if (const std::optional<absl::Time> drain = DrainDue(name)) at(*drain);
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
    if (request.held_again) ++stats.requests_held_again;
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
  stats.slots_free = static_cast<std::uint64_t>(std::max<std::int64_t>(SlotsFree(), 0));
  stats.bytes_held = BytesHeld();
  if (HasBudget()) stats.budget = SharedStats();
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

std::uint64_t Model::SlotsOf(std::size_t name) const {
  const auto taken = std::count_if(requests_.begin(), requests_.end(), [name](const Held& request) {
    return request.name == name && TakesSlot(request);
  });
  return static_cast<std::uint64_t>(taken);
}

std::int64_t Model::SlotsFree() const {
  return config_.size - std::count_if(requests_.begin(), requests_.end(), TakesSlot);
}

std::uint64_t Model::BytesHeld() const {
  std::uint64_t bytes = 0;
  for (const Held& request : requests_) {
    if (request.phase == Phase::kHeld) bytes += request.bytes;
  }
  return bytes;
}

// Returns the held requests in the order of their places.
std::vector<Model::Held*> Model::HeldOf(std::size_t name) {
  std::vector<Held*> held;
  for (Held& request : requests_) {
    if (request.name == name && request.phase == Phase::kHeld) held.push_back(&request);
  }
  std::sort(held.begin(), held.end(),
            [](const Held* a, const Held* b) { return a->place < b->place; });
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

std::optional<Phase> Model::PhaseOf(std::uint32_t id) const {
  const Held* const request = ById(id);
  if (request == nullptr) return std::nullopt;
  return request->phase;
}

Ending Model::EndingOf(std::uint32_t id) const { return ById(id)->ending; }

const Step& Model::StepOf(std::uint32_t id) const { return ById(id)->step; }

bool Model::HeldAgain(std::uint32_t id) const { return ById(id)->held_again; }

std::vector<std::uint32_t> Model::In(Phase phase) const {
  std::vector<std::uint32_t> ids;
  for (const Held& request : requests_) {
    if (request.phase == phase) ids.push_back(request.id);
  }
  return ids;
}

bool Model::AnyDrains() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.state == State::kDraining; });
}

State Model::StateOf(std::size_t name) const { return shards_[name].state; }

const std::vector<StateChange>& Model::ChangesOf(std::size_t name) const {
  return shards_[name].changes;
}

std::vector<absl::Time> Model::Moments() const {
  std::vector<absl::Time> moments;
  const auto add = [this, &moments](absl::Time time) {
    if (time > now_ && time < absl::InfiniteFuture()) moments.push_back(time);
  };
  if (grace_end_.has_value()) add(*grace_end_);
  for (const Held& request : requests_) {
    if (request.phase == Phase::kHeld) {
      add(request.window_end);
      add(request.deadline);
    } else if (IsUnended(request)) {
      add(request.overdue_at);
    }
  }
  const absl::Duration least = absl::Nanoseconds(config_.min_time_between_failovers_ns);
  for (const std::size_t name : known_) {
    const Shard& shard = shards_[name];
    if (shard.state == State::kBuffering) {
      add(EndOfHold(shard));
      add(shard.evidence_from);
    }
    const ModelSwitchover* const planned = SwitchoverOf(name);
    if (planned != nullptr) add(planned->grace_end);
    if (const std::optional<absl::Time> probe = ProbeDue(name)) add(*probe);
    if (const std::optional<absl::Time> drain = DrainDue(name)) add(*drain);
    if (shard.down) add(shard.down_since + absl::Nanoseconds(config_.down_confirmation_ns));
    if (shard.last_end.has_value()) add(*shard.last_end + least);
    if (shard.last_reparent.has_value()) add(*shard.last_reparent + least);
  }
  return moments;
}

}  // namespace failover::simulation
