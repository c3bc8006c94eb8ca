// An intrusive list of waiters. Each operation takes constant time, also a removal from the middle
// and the joining of two lists. The list does not own the waiters.
#ifndef FAILOVER_SRC_BASE_WAITER_LIST_H_
#define FAILOVER_SRC_BASE_WAITER_LIST_H_

#include <cstddef>

#include "failover/internal/waiter.h"

namespace failover::internal {

class WaiterList {
 public:
  WaiterList() = default;
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;

  bool empty() const { return head_ == nullptr; }
  std::size_t size() const { return size_; }
  Waiter* front() const { return head_; }
  Waiter* back() const { return tail_; }

  void PushBack(Waiter* waiter) {
    waiter->previous = tail_;
    waiter->next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = waiter;
    tail_ = waiter;
    ++size_;
  }

  // `place` is in the list.
  void InsertBefore(Waiter* place, Waiter* waiter) {
    waiter->previous = place->previous;
    waiter->next = place;
    (place->previous != nullptr ? place->previous->next : head_) = waiter;
    place->previous = waiter;
    ++size_;
  }

  void Remove(Waiter* waiter) {
    (waiter->previous != nullptr ? waiter->previous->next : head_) = waiter->next;
    (waiter->next != nullptr ? waiter->next->previous : tail_) = waiter->previous;
    waiter->previous = waiter->next = nullptr;
    --size_;
  }

  Waiter* PopFront() {
    Waiter* const waiter = head_;
    Remove(waiter);
    return waiter;
  }

  // Moves all waiters of `other` to the end of this list.
  void Append(WaiterList* other) {
    if (other->empty()) return;
    other->head_->previous = tail_;
    (tail_ != nullptr ? tail_->next : head_) = other->head_;
    tail_ = other->tail_;
    size_ += other->size_;
    other->head_ = other->tail_ = nullptr;
    other->size_ = 0;
  }

 private:
  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_WAITER_LIST_H_
