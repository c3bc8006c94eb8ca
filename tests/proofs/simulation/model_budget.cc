// What the Model's Buffer shares with its neighbours, the other Buffers with the same Budget.
#include <algorithm>
#include <utility>

#include "model.h"

namespace failover::simulation {

bool Model::Neighbour(const Step& step) {
  const std::int64_t before = neighbour_turns_;
  const std::int64_t room = config_.budget_retries - SharedTurnsTaken();
  neighbour_turns_ = std::min<std::int64_t>(step.turns, before + std::max<std::int64_t>(room, 0));
  neighbour_slots_ = std::min(neighbour_slots_ + SharedSlotsFree(), std::int64_t{step.slots});
  neighbour_bytes_ = step.bytes;
  if (config_.budget_bytes != 0) {
    neighbour_bytes_ = std::min(neighbour_bytes_, config_.budget_bytes - BytesHeld());
  }
  return neighbour_turns_ < before;
}

std::int64_t Model::SharedSlotsFree() const {
  if (!HasBudget()) return 1;
  return config_.budget_size - neighbour_slots_ -
         std::count_if(requests_.begin(), requests_.end(), TakesSlot);
}

bool Model::SharedBytesFit(std::size_t bytes, std::uint64_t evicted) const {
  if (!HasBudget() || config_.budget_bytes == 0 || bytes == 0) return true;
  return neighbour_bytes_ + BytesHeld() - evicted + bytes <= config_.budget_bytes;
}

std::int64_t Model::SharedTurnsTaken() const {
  return neighbour_turns_ +
         std::count_if(requests_.begin(), requests_.end(),
                       [this](const Held& request) { return TakesSharedTurn(request); });
}

// Each shard that drains may always have one retry.
bool Model::GetsSharedTurn(std::size_t name) const {
  if (!HasBudget() || SharedTurnsTaken() < config_.budget_retries) return true;
  return std::none_of(requests_.begin(), requests_.end(), [&](const Held& request) {
    return request.name == name && TakesSharedTurn(request);
  });
}

bool Model::AnyAsksForATurn() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
    return shard.state == State::kDraining && shard.asks_again.has_value();
  });
}

BudgetStats Model::SharedStats() const {
  BudgetStats stats;
  stats.size = static_cast<std::uint64_t>(config_.budget_size);
  stats.slots_free = static_cast<std::uint64_t>(SharedSlotsFree());
  stats.bytes_held = neighbour_bytes_ + BytesHeld();
  stats.max_retries = static_cast<std::uint64_t>(config_.budget_retries);
  stats.retries = static_cast<std::uint64_t>(SharedTurnsTaken());
  return stats;
}

}  // namespace failover::simulation
