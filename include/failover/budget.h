// Limits that several Buffers of a process share, for instance one Buffer for each core.
//
//   absl::StatusOr<std::shared_ptr<failover::Budget>> budget = failover::Budget::Create({});
//   options.budget = *budget;   // the options of each Buffer, on each core
//
// This has nothing to do with HoldBudgetStats, which says for how long a shard may be held.
#ifndef FAILOVER_BUDGET_H_
#define FAILOVER_BUDGET_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "failover/export.h"
#include "failover/stats.h"

namespace failover {

class Budget;

namespace internal {
struct SharedLimits;
SharedLimits& SharedLimitsOf(const Budget& budget);
}  // namespace internal

// The limits of a Budget. They hold for all of its Buffers together, and besides the limits that
// each Buffer has of its own (BufferOptions).
struct BudgetLimits {
  // How many requests are held or being retried at once. At least 1.
  std::int64_t size = 1000;
  // The memory in bytes that held requests pin (RequestContext::bytes). 0 means no limit.
  std::uint64_t max_bytes = 0;
  // How many retries of drains are under way at once. At least 1. Each shard that drains may always
  // have one, even beyond this limit. A retry counts as long as it counts against the drain of its
  // shard (BufferOptions::drain_concurrency).
  std::int64_t max_retries = 32;
};

// Slots, bytes and retries that several Buffers share (BufferOptions::budget). A Buffer belongs to
// one Budget for its whole life, or to none. Buffers come and go at any time: each takes from the
// Budget with each request that it holds, and has given back everything when Shutdown returns.
//
// A full Budget is like a full Buffer: a new request evicts the oldest request of its own shard if
// there is one, and is refused otherwise (kBufferFull). No request is ever evicted by another
// Buffer. No Buffer wakes another one: a drain that gets no further retry asks again when one of
// its own retries ends, and after 10 ms.
//
// Thread-safe, without a lock. The Buffers share the ownership.
class FAILOVER_EXPORT Budget {
 public:
  // Returns kInvalidArgument for limits that violate a rule. The error names the limit and its
  // value. May throw std::bad_alloc.
  static absl::StatusOr<std::shared_ptr<Budget>> Create(const BudgetLimits& limits);
  ~Budget();

  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // The limits of Create.
  const BudgetLimits& limits() const { return limits_; }
  // What all Buffers have taken together. The numbers are read one after the other.
  BudgetStats Stats() const;

 private:
  friend internal::SharedLimits& internal::SharedLimitsOf(const Budget& budget);

  explicit Budget(const BudgetLimits& limits);

  const BudgetLimits limits_;
  const std::unique_ptr<internal::SharedLimits> shared_;
};

}  // namespace failover

#endif  // FAILOVER_BUDGET_H_
