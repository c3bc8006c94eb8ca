// The changes of a shard's state that BufferOptions::on_transition has not been told yet.
#ifndef FAILOVER_SRC_SHARD_TRANSITION_QUEUE_H_
#define FAILOVER_SRC_SHARD_TRANSITION_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <vector>

#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

// One change. `why` is a text that lives as long as the program.
struct StateChange {
  State from = State::kIdle;
  State to = State::kIdle;
  std::string_view why;
  std::uint64_t held = 0;
  std::uint64_t epoch = 0;
  Instant when;
};

// One thread at a time delivers the changes of a shard, so the listener is told of them in order.
// Plain data: the mutex of the shard guards the object.
class TransitionQueue {
 public:
  // If memory has run out, the change is lost.
  void Add(const StateChange& change) noexcept {
    try {
      changes_.push_back(change);
    } catch (const std::bad_alloc&) {
      ++lost_;
    }
  }

  // Whether the calling thread must deliver: something is there, and no other thread delivers. The
  // thread then delivers until Next says that nothing is left.
  bool BeginDelivery() {
    if (delivering_ || changes_.empty()) return false;
    delivering_ = true;
    return true;
  }
  // Returns the next change, or ends the delivery and returns false.
  bool Next(StateChange* change) {
    if (first_ == changes_.size()) {
      changes_.clear();
      first_ = 0;
      delivering_ = false;
      return false;
    }
    *change = changes_[first_++];
    return true;
  }

  std::uint64_t lost() const { return lost_; }

 private:
  std::vector<StateChange> changes_;
  std::size_t first_ = 0;
  std::uint64_t lost_ = 0;
  bool delivering_ = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_TRANSITION_QUEUE_H_
