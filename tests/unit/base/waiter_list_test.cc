// These tests cover the list that is the queue of a shard's waiters.
#include "base/waiter_list.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <vector>

namespace failover::internal {
namespace {

class FakeWaiter final : public Waiter {
 public:
  FakeWaiter() : Waiter(nullptr, false) {}
  void Complete() override {}
};

class WaiterListTest : public ::testing::Test {
 protected:
  // Returns what the list holds from front to back, and checks that the way back visits the same
  // waiters.
  static std::vector<const Waiter*> Content(const WaiterList& list) {
    std::vector<const Waiter*> content;
    const Waiter* last = nullptr;
    for (const Waiter* waiter = list.front(); waiter != nullptr; waiter = waiter->next) {
      EXPECT_EQ(waiter->previous, last);
      content.push_back(waiter);
      last = waiter;
    }
    EXPECT_EQ(content.size(), list.size());
    EXPECT_EQ(content.empty(), list.empty());
    return content;
  }

  using Waiters = std::vector<const Waiter*>;
  std::array<FakeWaiter, 4> w_;
};

TEST_F(WaiterListTest, AnEmptyOne) { EXPECT_EQ(Content(WaiterList()), Waiters()); }

TEST_F(WaiterListTest, FirstInFirstOut) {
  WaiterList list;
  for (FakeWaiter& waiter : w_) list.PushBack(&waiter);
  EXPECT_EQ(Content(list), (Waiters{&w_[0], &w_[1], &w_[2], &w_[3]}));
  EXPECT_EQ(list.PopFront(), &w_[0]);
  EXPECT_EQ(list.PopFront(), &w_[1]);
  EXPECT_EQ(Content(list), (Waiters{&w_[2], &w_[3]}));
}

TEST_F(WaiterListTest, RemoveFromEveryPlace) {
  for (std::size_t gone = 0; gone < w_.size(); ++gone) {
    WaiterList list;
    Waiters left;
    for (FakeWaiter& waiter : w_) list.PushBack(&waiter);
    for (const FakeWaiter& waiter : w_) {
      if (&waiter != &w_[gone]) left.push_back(&waiter);
    }
    list.Remove(&w_[gone]);
    EXPECT_EQ(Content(list), left);
    EXPECT_EQ(w_[gone].next, nullptr);
    EXPECT_EQ(w_[gone].previous, nullptr);
  }
}

TEST_F(WaiterListTest, TheLastOneOut) {
  WaiterList list;
  list.PushBack(&w_[0]);
  list.Remove(&w_[0]);
  EXPECT_EQ(Content(list), Waiters());
  list.PushBack(&w_[1]);
  EXPECT_EQ(Content(list), (Waiters{&w_[1]}));
}

TEST_F(WaiterListTest, AppendMovesAllBehindWhatIsThere) {
  WaiterList front;
  WaiterList back;
  front.PushBack(&w_[0]);
  back.PushBack(&w_[1]);
  back.PushBack(&w_[2]);
  front.Append(&back);
  EXPECT_EQ(Content(front), (Waiters{&w_[0], &w_[1], &w_[2]}));
  EXPECT_EQ(Content(back), Waiters());
  front.PushBack(&w_[3]);
  EXPECT_EQ(Content(front), (Waiters{&w_[0], &w_[1], &w_[2], &w_[3]}));
}

TEST_F(WaiterListTest, AppendToAndOfAnEmptyOne) {
  WaiterList list;
  WaiterList other;
  list.Append(&other);
  EXPECT_EQ(Content(list), Waiters());
  other.PushBack(&w_[0]);
  list.Append(&other);
  EXPECT_EQ(Content(list), (Waiters{&w_[0]}));
  list.Append(&other);
  EXPECT_EQ(Content(list), (Waiters{&w_[0]}));
}

}  // namespace
}  // namespace failover::internal
