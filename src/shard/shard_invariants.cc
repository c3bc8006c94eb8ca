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
  AssertQueueInvariants();
  assert(drain_retries_ >= 0 && retrying_ >= drain_retries_);
  assert(!retired_ || (closed_ && retrying_ == 0));
  switch (state_) {
    case State::kIdle:
      // Invariant 5.
      assert(queue_.empty() && drain_retries_ == 0);
      break;
    case State::kBuffering:
      assert(!closed_ && drain_retries_ == 0 && counters_ != nullptr);
      break;
    case State::kDraining:
      assert(!queue_.empty() || drain_retries_ > 0);
      // Invariant 6.
      assert(queue_.empty() || drain_retries_ == context_.drain_concurrency);
      break;
  }
}

void ShardBuffer::AssertQueueInvariants() const {
  assert(deadlines_.size() <= queue_.size());
  assert(!queue_.empty() || held_bytes_ == 0);
  // A long queue would make each event slow, so only the newest waiters of a long queue are
  // checked. Each waiter was among the newest once.
  constexpr std::size_t kMostChecked = 16;
  std::size_t checked = 0;
  for (const Waiter* waiter = queue_.back(); waiter != nullptr && checked < kMostChecked;
       waiter = waiter->previous, ++checked) {
    assert(waiter->place() == Place::kHeld);
    // Invariant 4.
    assert(waiter->previous == nullptr || waiter->previous->window_end <= waiter->window_end);
  }
}

#endif

}  // namespace failover::internal
