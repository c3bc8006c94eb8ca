#include "shard/held_queue.h"

#include <cassert>

namespace failover::internal {

// The request was held before. It left from near the front, so the search is short.
void HeldQueue::AddInOrder(Waiter* waiter) {
  Waiter* later = front();
  while (CameBefore(*later, *waiter)) later = later->next;
  waiters_.InsertBefore(later, waiter);
}

Waiter* HeldQueue::NextProbe() const {
  Waiter* next = nullptr;
  for (Waiter* waiter = front(); waiter != nullptr; waiter = waiter->next) {
    if (!waiter->traits.IsProbeCandidate()) continue;
    if (next == nullptr || waiter->let_go < next->let_go) next = waiter;
    // No request was let go less recently than one that never was.
    if (next->let_go == 0) break;
  }
  assert(next != nullptr);
  return next;
}

}  // namespace failover::internal
