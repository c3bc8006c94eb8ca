// The floor for everything that is held: a doubly linked list of nodes of 64 bytes with a callback
// each. The list has no lock, no clock, no counters and no errors.
#ifndef FAILOVER_BENCHMARKS_FLOOR_QUEUE_H_
#define FAILOVER_BENCHMARKS_FLOOR_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace failover::benchmarks {

using FloorCallback = absl::AnyInvocable<void(bool released) &&>;

struct FloorNode {
  FloorNode* previous = nullptr;
  FloorNode* next = nullptr;
  std::int64_t window_end = 0;
  std::size_t bytes = 0;
  FloorCallback callback;
};
static_assert(sizeof(FloorNode) == 64);

class FloorQueue {
 public:
  bool empty() const { return head_ == nullptr; }

  void PushBack(FloorNode* node) {
    node->previous = tail_;
    node->next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = node;
    tail_ = node;
  }

  void Remove(FloorNode* node) {
    (node->previous != nullptr ? node->previous->next : head_) = node->next;
    (node->next != nullptr ? node->next->previous : tail_) = node->previous;
  }

  FloorNode* PopFront() {
    FloorNode* const node = head_;
    Remove(node);
    return node;
  }

 private:
  FloorNode* head_ = nullptr;
  FloorNode* tail_ = nullptr;
};

// Holds a request in a node of its own.
inline FloorNode* FloorHold(FloorQueue& queue, FloorCallback callback) {
  auto* const node = new FloorNode;
  node->window_end = 1;
  node->callback = std::move(callback);
  queue.PushBack(node);
  return node;
}

// Releases the oldest request.
inline void FloorRelease(FloorQueue& queue, bool released) {
  FloorNode* const node = queue.PopFront();
  std::move(node->callback)(released);
  delete node;
}

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_FLOOR_QUEUE_H_
