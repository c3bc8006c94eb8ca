// The time when an object must be looked at next, as the dispatcher's heap keeps it.
#ifndef FAILOVER_SRC_BASE_TIMER_H_
#define FAILOVER_SRC_BASE_TIMER_H_

#include <cstdint>

#include "base/indexed_heap.h"
#include "failover/internal/instant.h"

namespace failover::internal {

// The base of an object that has a timer. `due` is written under both the object's own mutex and
// the dispatcher's, so either of them is enough to read it. `index` belongs to the dispatcher.
struct Timer {
  Instant due = kNever;
  std::uint32_t index = kNotInHeap;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_TIMER_H_
