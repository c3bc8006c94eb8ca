#include "neighbour.h"

#include <utility>

#include "shard/shared_limits.h"

namespace failover::simulation {

Neighbour::Neighbour(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}

Neighbour::~Neighbour() { Have(Step()); }

void Neighbour::Have(const Step& step) {
  if (budget_ == nullptr) return;
  internal::SharedLimits& shared = internal::SharedLimitsOf(*budget_);
  for (; slots_ > step.slots; --slots_) shared.slots.ReturnSlots(1);
  while (slots_ < step.slots && shared.slots.TakeSlot() == internal::SlotAnswer::kTaken) ++slots_;
  shared.slots.ReturnBytes(bytes_);
  bytes_ = shared.slots.TakeBytes(step.bytes, 0).value_or(0);
  for (; turns_ > step.turns; --turns_) shared.turns.Return(1);
  while (turns_ < step.turns && shared.turns.TryTake()) ++turns_;
}

}  // namespace failover::simulation
