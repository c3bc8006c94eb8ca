#include "failover/internal/shard_gate.h"

#include <memory>
#include <new>

namespace failover::internal {

bool ShardGate::EnsureWorkCount() noexcept {
  if (work_count() != nullptr) return true;
  std::unique_ptr<WorkCount> made(new (std::nothrow) WorkCount);
  if (made == nullptr) return false;
  WorkCount* none = nullptr;
  // A thread that comes second finds the counters of the first.
  if (work_count_.compare_exchange_strong(none, made.get())) static_cast<void>(made.release());
  return true;
}

}  // namespace failover::internal
