#include "failover/budget.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shard/shared_limits.h"

namespace failover {
namespace {

absl::Status AtLeastOne(absl::string_view limit, std::int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(limit, " of a Budget must be >= 1 (specified value: ", value, ")"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Budget>> Budget::Create(const BudgetLimits& limits) {
  if (absl::Status size = AtLeastOne("size", limits.size); !size.ok()) return size;
  if (absl::Status retries = AtLeastOne("max_retries", limits.max_retries); !retries.ok()) {
    return retries;
  }
  return std::shared_ptr<Budget>(new Budget(limits));
}

Budget::Budget(const BudgetLimits& limits)
    : limits_(limits),
      shared_(new internal::SharedLimits{
          internal::SlotPool(limits.size, limits.max_bytes),
          internal::SharedTurns(limits.max_retries),
      }) {}

Budget::~Budget() = default;

BudgetStats Budget::Stats() const {
  BudgetStats stats;
  stats.size = static_cast<std::uint64_t>(limits_.size);
  stats.slots_free = static_cast<std::uint64_t>(shared_->slots.free_slots());
  stats.bytes_held = shared_->slots.bytes_held();
  stats.max_retries = static_cast<std::uint64_t>(limits_.max_retries);
  stats.retries = static_cast<std::uint64_t>(shared_->turns.taken());
  return stats;
}

internal::SharedLimits& internal::SharedLimitsOf(const Budget& budget) { return *budget.shared_; }

}  // namespace failover
