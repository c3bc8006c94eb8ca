// A binary heap whose items know their place in it, so that any one can be moved or removed in
// O(log n). It owns nothing.
#ifndef FAILOVER_SRC_BASE_INDEXED_HEAP_H_
#define FAILOVER_SRC_BASE_INDEXED_HEAP_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "failover/internal/instant.h"

namespace failover::internal {

// `Due` is the member of T that the heap is ordered by, the earliest on top; `Index` is the member
// that the heap keeps the item's place in. kNotInHeap there means: in no heap.
inline constexpr std::uint32_t kNotInHeap = 0;

template <typename T, auto Due, auto Index>
class IndexedHeap {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  T* top() const { return items_.front(); }

  // Makes room, so that Add does not allocate until there are more than `count`. May throw
  // std::bad_alloc, and has then changed nothing.
  void Reserve(std::size_t count) {
    if (count <= items_.capacity()) return;
    const std::size_t doubled = items_.capacity() * 2;
    items_.reserve(count < doubled ? doubled : count);
  }

  void Add(T* item) {
    assert(!Contains(item));
    items_.push_back(item);
    Place(items_.size() - 1, item);
    SiftUp(items_.size() - 1);
  }

  bool Contains(const T* item) const { return item->*Index != kNotInHeap; }

  void Remove(T* item) {
    assert(Contains(item));
    const std::size_t hole = Position(item);
    T* last = items_.back();
    items_.pop_back();
    item->*Index = kNotInHeap;
    if (last == item) return;
    Place(hole, last);
    Update(last);
  }

  // Call it after the item's time changed.
  void Update(T* item) {
    SiftUp(Position(item));
    SiftDown(Position(item));
  }

 private:
  static std::size_t Position(const T* item) { return item->*Index - 1; }

  void Place(std::size_t position, T* item) {
    items_[position] = item;
    item->*Index = static_cast<std::uint32_t>(position + 1);
  }

  void SiftUp(std::size_t position) {
    T* const item = items_[position];
    while (position > 0) {
      const std::size_t parent = (position - 1) / 2;
      if (!(item->*Due < items_[parent]->*Due)) break;
      Place(position, items_[parent]);
      position = parent;
    }
    Place(position, item);
  }

  void SiftDown(std::size_t position) {
    T* const item = items_[position];
    for (;;) {
      std::size_t child = position * 2 + 1;
      if (child >= items_.size()) break;
      if (child + 1 < items_.size() && items_[child + 1]->*Due < items_[child]->*Due) ++child;
      if (!(items_[child]->*Due < item->*Due)) break;
      Place(position, items_[child]);
      position = child;
    }
    Place(position, item);
  }

  std::vector<T*> items_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_INDEXED_HEAP_H_
