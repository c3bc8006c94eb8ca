// The assertions of a shard, for debug builds. docs/design.md numbers the invariants.
#include <cassert>
#include <cstddef>

#include "shard/shard_buffer.h"

namespace failover::internal {

#ifdef NDEBUG

void ShardBuffer::AssertInvariants() const {}
void ShardBuffer::AssertQueueInvariants() const {}

#else

void ShardBuffer::AssertInvariants() const {
  assert(!retired_ || closed_);
  assert(!must_stop_ || state_ == State::kBuffering);
  if (activity_ == nullptr) {
    assert(state_ == State::kIdle);
    return;
  }
  AssertQueueInvariants();
  assert(activity_->retrying >= 0);
  assert(!retired_ || activity_->retrying == 0);
  assert(!IsSwitching() || state_ == State::kBuffering);
  switch (state_) {
    case State::kIdle:
      // Invariant 5.
      assert(activity_->queue.empty());
      assert(retired_ || activity_->turns.unended() == 0);
      break;
    case State::kBuffering:
      assert(!closed_ && activity_->turns.unended() == 0);
      break;
    case State::kDraining:
      assert(!activity_->queue.empty() || activity_->turns.unended() > 0 || DrainWaits());
      // Invariant 6.
      assert(activity_->queue.empty() || DrainWaits() || !activity_->turns.HasTurn() ||
             activity_->turns.AsksAgain(last_now_));
      break;
  }
}

void ShardBuffer::AssertQueueInvariants() const {
  assert(activity_->queue.deadlines() <= activity_->queue.size());
  assert(!activity_->queue.empty() || activity_->queue.bytes() == 0);
  // A long queue would make each event slow, so only the newest waiters of a long queue are
  // checked. Each waiter was among the newest once.
  constexpr std::size_t kMostChecked = 16;
  std::size_t checked = 0;
  for (const Waiter* waiter = activity_->queue.back(); waiter != nullptr && checked < kMostChecked;
       waiter = waiter->previous, ++checked) {
    assert(waiter->place() == Place::kHeld);
    // Invariant 4.
    assert(waiter->previous == nullptr || activity_->queue.has_older_windows() ||
           waiter->previous->window_end <= waiter->window_end);
  }
}

#endif

}  // namespace failover::internal
