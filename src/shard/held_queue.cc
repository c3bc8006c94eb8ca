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

void HeldQueue::ChangeWindow(std::uint32_t next_arrival, std::chrono::nanoseconds before,
                             Instant last_end) {
  assert(older_.size() < older_.capacity());
  Waiter* const first = older_.empty() ? front() : first_of_newest_;
  older_.push_back({next_arrival, before, last_end, first});
  first_of_newest_ = nullptr;
}

std::size_t HeldQueue::SpanOf(const Waiter& waiter) const {
  std::size_t span = 0;
  while (span < older_.size() && !IsBefore(waiter.arrival, older_[span].end)) ++span;
  return span;
}

Waiter* HeldQueue::JoinSpan(Waiter* waiter) {
  Waiter*& first = FirstOf(SpanOf(*waiter));
  if (first == nullptr || CameBefore(*waiter, *first)) first = waiter;
  return FirstOfAllSpans();
}

Waiter* HeldQueue::LeaveSpan(Waiter* waiter) {
  const std::size_t span = SpanOf(*waiter);
  Waiter*& first = FirstOf(span);
  if (first == waiter) {
    Waiter* const next = waiter->next;
    first = next != nullptr && SpanOf(*next) == span ? next : nullptr;
  }
  return FirstOfAllSpans();
}

Waiter* HeldQueue::FirstOfAllSpans() const {
  Waiter* earliest = nullptr;
  const auto look = [&earliest](Waiter* first) {
    if (first == nullptr) return;
    if (earliest == nullptr || first->window_end < earliest->window_end) earliest = first;
  };
  for (const Span& span : older_) look(span.first);
  look(first_of_newest_);
  return earliest;
}

std::chrono::nanoseconds HeldQueue::WindowOfSpan(const Waiter& waiter,
                                                 std::chrono::nanoseconds current) const {
  const std::size_t span = SpanOf(waiter);
  return span < older_.size() ? older_[span].window : current;
}

}  // namespace failover::internal
