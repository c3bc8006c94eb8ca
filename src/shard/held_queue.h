// The requests that a shard holds, in the order of their first arrival.
#ifndef FAILOVER_SRC_SHARD_HELD_QUEUE_H_
#define FAILOVER_SRC_SHARD_HELD_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "base/indexed_heap.h"
#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/internal/waiter.h"

namespace failover::internal {

// As long as BufferOptions::window stays as it is, the queue is also in the order of the ends of
// the windows. When the window changes, the requests of before keep theirs. The queue then
// remembers which requests came with which window, and which of each is the first. In each such
// span the order of arrival is that of the ends of the windows.
//
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
    first_window_ = older_.empty() ? front() : JoinSpan(waiter);
  }
  void Remove(Waiter* waiter) {
    Waiter* const first = older_.empty() ? nullptr : LeaveSpan(waiter);
    waiters_.Remove(waiter);
    first_window_ = older_.empty() ? front() : first;
    if (deadlines_.Contains(waiter)) deadlines_.Remove(waiter);
    bytes_ -= waiter->bytes;
    if (waiter->traits.IsProbeCandidate()) --probe_candidates_;
  }

  // When the first waiter's own timeout is over, and which waiter that is.
  Instant first_deadline() const {
    return deadlines_.empty() ? kNever : deadlines_.top()->deadline;
  }
  Waiter* first_to_time_out() const { return deadlines_.top(); }
  // When the first window is over, and whose window that is. Of two that end at the same moment the
  // one that came first.
  Instant first_window_end() const {
    return first_window_ == nullptr ? kNever : first_window_->window_end;
  }
  Waiter* first_whose_window_ends() const { return first_window_; }

  // Makes room, so that the next `count` calls of ChangeWindow do not allocate. A queue that
  // remembers no older window has room for one from the beginning. May throw std::bad_alloc.
  void ReserveWindows(std::size_t count) { older_.reserve(older_.size() + count); }
  // The requests that arrive from `next_arrival` on have another window than `before`. Of the
  // others none is held beyond `last_end`.
  void ChangeWindow(std::uint32_t next_arrival, std::chrono::nanoseconds before, Instant last_end);
  // Forgets the older windows that are over by `now`.
  void ForgetWindows(Instant now) {
    while (!older_.empty() && older_.front().first == nullptr && older_.front().last_end <= now) {
      older_.erase(older_.begin());
    }
  }
  // The window with which the waiter came first. `current` is the window of now.
  std::chrono::nanoseconds WindowOf(const Waiter& waiter, std::chrono::nanoseconds current) const {
    return older_.empty() ? current : WindowOfSpan(waiter, current);
  }
  bool has_older_windows() const { return !older_.empty(); }

  // Whether a request could be let go as a probe.
  bool has_probe_candidate() const { return probe_candidates_ > 0; }
  // The candidate that was let go least recently. Needs one.
  Waiter* NextProbe() const;

  std::size_t deadlines() const { return deadlines_.size(); }

 private:
  // The numbers of arrivals wrap around, but the arrivals of one window are far less than half of
  // them.
  static bool IsBefore(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
  }
  static bool CameBefore(const Waiter& a, const Waiter& b) {
    return IsBefore(a.arrival, b.arrival);
  }
  void AddInOrder(Waiter* waiter);

  // The requests that arrived before `end`, and not before the end of the span before.
  struct Span {
    std::uint32_t end;
    std::chrono::nanoseconds window;
    Instant last_end;
    Waiter* first;  // of those that are held; nullptr if none is
  };
  // The place of the waiter's span in older_; older_.size() for the newest span.
  std::size_t SpanOf(const Waiter& waiter) const;
  Waiter*& FirstOf(std::size_t span) {
    return span < older_.size() ? older_[span].first : first_of_newest_;
  }
  // These return whose window is the first to end then.
  Waiter* JoinSpan(Waiter* waiter);
  Waiter* LeaveSpan(Waiter* waiter);
  Waiter* FirstOfAllSpans() const;
  std::chrono::nanoseconds WindowOfSpan(const Waiter& waiter,
                                        std::chrono::nanoseconds current) const;

  WaiterList waiters_;
  IndexedHeap<Waiter, &Waiter::deadline, &Waiter::deadline_index> deadlines_;
  std::uint64_t bytes_ = 0;
  std::size_t probe_candidates_ = 0;
  // The spans of earlier windows, in order of arrival. The newest span has no entry, and
  // first_of_newest_ has a meaning only if there are others.
  absl::InlinedVector<Span, 1> older_;
  Waiter* first_of_newest_ = nullptr;
  // Kept, because each event of the shard asks for it.
  Waiter* first_window_ = nullptr;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_HELD_QUEUE_H_
