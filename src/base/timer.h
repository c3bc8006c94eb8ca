// When something must be looked at next, as the dispatcher's heap keeps it.
#ifndef FAILOVER_SRC_BASE_TIMER_H_
#define FAILOVER_SRC_BASE_TIMER_H_

#include <cstdint>

#include "base/indexed_heap.h"
#include "failover/internal/instant.h"

namespace failover::internal {

// The base of what is timed. `due` is written under both the owner's mutex and the dispatcher's,
// so either is enough to read it; `index` belongs to the dispatcher.
struct Timer {
  Instant due = kNever;
  std::uint32_t index = kNotInHeap;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_TIMER_H_
