// These tests cover the heap that holds timers and deadlines.
#include "base/indexed_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace failover::internal {
namespace {

struct Item {
  Instant due;
  std::uint32_t index = kNotInHeap;
};

using Heap = IndexedHeap<Item, &Item::due, &Item::index>;

Item DueAt(int second) { return {Instant(std::chrono::seconds(second))}; }

TEST(IndexedHeapTest, AnEmptyOne) {
  const Heap heap;
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.size(), 0u);
}

TEST(IndexedHeapTest, TheEarliestIsOnTop) {
  Item late = DueAt(3);
  Item early = DueAt(1);
  Item middle = DueAt(2);
  Heap heap;
  for (Item* const item : {&late, &early, &middle}) heap.Add(item);
  EXPECT_EQ(heap.top(), &early);
  heap.Remove(&early);
  EXPECT_EQ(heap.top(), &middle);
  heap.Remove(&middle);
  EXPECT_EQ(heap.top(), &late);
}

TEST(IndexedHeapTest, AnItemKnowsWhetherItIsIn) {
  Item item = DueAt(1);
  Heap heap;
  EXPECT_FALSE(heap.Contains(&item));
  heap.Add(&item);
  EXPECT_TRUE(heap.Contains(&item));
  heap.Remove(&item);
  EXPECT_FALSE(heap.Contains(&item));
  EXPECT_TRUE(heap.empty());
}

TEST(IndexedHeapTest, AnItemMayBecomeEarlierOrLater) {
  Item first = DueAt(1);
  Item second = DueAt(2);
  Heap heap;
  heap.Add(&first);
  heap.Add(&second);
  first.due = DueAt(5).due;
  heap.Update(&first);
  EXPECT_EQ(heap.top(), &second);
  first.due = DueAt(0).due;
  heap.Update(&first);
  EXPECT_EQ(heap.top(), &first);
}

TEST(IndexedHeapTest, ItemsOfTheSameTimeAllComeOut) {
  std::vector<Item> items(10, DueAt(1));
  Heap heap;
  for (Item& item : items) heap.Add(&item);
  for (std::size_t left = items.size(); left > 0; --left) {
    EXPECT_EQ(heap.size(), left);
    heap.Remove(heap.top());
  }
}

// The test compares the heap with a plain list, in which it searches for the earliest item.
TEST(IndexedHeapTest, AfterAnyOperationsTheEarliestIsOnTop) {
  constexpr int kOperations = 20000;
  std::mt19937 random(1);
  std::vector<Item> items(50);
  Heap heap;
  for (int i = 0; i < kOperations; ++i) {
    Item& item = items[random() % items.size()];
    const Instant due = DueAt(static_cast<int>(random() % 100)).due;
    if (!heap.Contains(&item)) {
      item.due = due;
      heap.Add(&item);
    } else if (random() % 2 == 0) {
      item.due = due;
      heap.Update(&item);
    } else {
      heap.Remove(&item);
    }
    std::size_t in = 0;
    Instant earliest = kNever;
    for (const Item& other : items) {
      if (!heap.Contains(&other)) continue;
      ++in;
      earliest = std::min(earliest, other.due);
    }
    ASSERT_EQ(heap.size(), in);
    if (in > 0) {
      ASSERT_EQ(heap.top()->due, earliest);
    }
  }
}

TEST(IndexedHeapTest, ReserveChangesNothingThatCanBeSeen) {
  Item item = DueAt(1);
  Heap heap;
  heap.Add(&item);
  heap.Reserve(1000);
  heap.Reserve(1);
  EXPECT_EQ(heap.size(), 1u);
  EXPECT_EQ(heap.top(), &item);
}

}  // namespace
}  // namespace failover::internal
