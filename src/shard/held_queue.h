// The requests that a shard holds, in the order of their first arrival.
#ifndef FAILOVER_SRC_SHARD_HELD_QUEUE_H_
#define FAILOVER_SRC_SHARD_HELD_QUEUE_H_

#include <cstddef>
#include <cstdint>

#include "base/indexed_heap.h"
#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/internal/waiter.h"

namespace failover::internal {

// Plain data: the mutex of the shard guards the object. It never owns a waiter.
class HeldQueue {
 public:
  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return waiters_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  Waiter* front() const { return waiters_.front(); }
  Waiter* back() const { return waiters_.back(); }

  // Makes room for the timeout of one more waiter. May throw std::bad_alloc, and has then changed
  // nothing.
  void ReserveDeadline() { deadlines_.Reserve(deadlines_.size() + 1); }

  // Adds a waiter at its place in the order of arrival. If the waiter's deadline comes before the
  // end of its window, there must be room for the deadline.
  void Add(Waiter* waiter) {
    if (empty() || CameBefore(*back(), *waiter)) {
      waiters_.PushBack(waiter);
    } else {
      AddInOrder(waiter);
    }
    // The window ends before a later deadline, so such a deadline needs no timer.
    if (waiter->deadline <= waiter->window_end) deadlines_.Add(waiter);
    bytes_ += waiter->bytes;
    if (waiter->traits.IsProbeCandidate()) ++probe_candidates_;
  }
  void Remove(Waiter* waiter) {
    waiters_.Remove(waiter);
    if (deadlines_.Contains(waiter)) deadlines_.Remove(waiter);
    bytes_ -= waiter->bytes;
    if (waiter->traits.IsProbeCandidate()) --probe_candidates_;
  }

  // When the first waiter's own timeout is over, and which waiter that is.
  Instant first_deadline() const {
    return deadlines_.empty() ? kNever : deadlines_.top()->deadline;
  }
  Waiter* first_to_time_out() const { return deadlines_.top(); }
  // When the first window is over. The queue is in the order of the ends of the windows.
  Instant first_window_end() const { return empty() ? kNever : front()->window_end; }

  // Whether a request could be let go as a probe.
  bool has_probe_candidate() const { return probe_candidates_ > 0; }
  // The candidate that was let go least recently. Needs one.
  Waiter* NextProbe() const;

  std::size_t deadlines() const { return deadlines_.size(); }

 private:
  // The numbers of arrivals wrap around, but the arrivals of one window are far less than half of
  // them.
  static bool CameBefore(const Waiter& a, const Waiter& b) {
    return static_cast<std::int32_t>(a.arrival - b.arrival) < 0;
  }
  void AddInOrder(Waiter* waiter);

  WaiterList waiters_;
  IndexedHeap<Waiter, &Waiter::deadline, &Waiter::deadline_index> deadlines_;
  std::uint64_t bytes_ = 0;
  std::size_t probe_candidates_ = 0;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_HELD_QUEUE_H_
