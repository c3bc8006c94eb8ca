// These tests cover the order of a shard's queue, and which request goes next as a probe.
#include "shard/held_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace failover::internal {
namespace {

Instant At(int second) { return Instant(std::chrono::seconds(second)); }

class FakeWaiter final : public Waiter {
 public:
  explicit FakeWaiter(std::uint32_t its_arrival) : Waiter(nullptr, false) { arrival = its_arrival; }
  void Complete() override {}
};

class HeldQueueTest : public ::testing::Test {
 protected:
  std::vector<std::uint32_t> Order() const {
    std::vector<std::uint32_t> order;
    for (const Waiter* waiter = queue_.front(); waiter != nullptr; waiter = waiter->next) {
      order.push_back(waiter->arrival);
    }
    return order;
  }
  static void MakeCandidate(Waiter& waiter, std::uint64_t let_go) {
    waiter.traits = {Refused::kAsStatement, true, false};
    waiter.let_go = let_go;
  }
  HeldQueue queue_;
};

TEST_F(HeldQueueTest, EachComesToItsOldPlace) {
  FakeWaiter a(1), b(2), c(3), d(4);
  for (FakeWaiter* const waiter : {&b, &d, &c, &a}) queue_.Add(waiter);
  EXPECT_EQ(Order(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  queue_.Remove(&b);
  queue_.Add(&b);
  EXPECT_EQ(Order(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
}

TEST_F(HeldQueueTest, TheNumbersOfArrivalsWrapAround) {
  FakeWaiter a(UINT32_MAX - 1), b(UINT32_MAX), c(0), d(1);
  for (FakeWaiter* const waiter : {&c, &a, &d, &b}) queue_.Add(waiter);
  EXPECT_EQ(Order(), (std::vector<std::uint32_t>{UINT32_MAX - 1, UINT32_MAX, 0, 1}));
}

TEST_F(HeldQueueTest, AfterAChangeOfTheWindowALaterRequestMayBeTheFirst) {
  using std::chrono::seconds;
  FakeWaiter a(1), b(2), c(3), d(4), e(5);
  a.window_end = At(10);
  b.window_end = At(11);
  c.window_end = At(6);
  d.window_end = At(7);
  e.window_end = At(7);
  queue_.Add(&a);
  queue_.Add(&b);
  queue_.ReserveWindows(1);
  queue_.ChangeWindow(3, seconds(10), At(12));
  EXPECT_EQ(queue_.first_whose_window_ends(), &a);
  queue_.Add(&c);
  queue_.ReserveWindows(1);
  queue_.ChangeWindow(4, seconds(5), At(7));
  queue_.Add(&e);
  queue_.Add(&d);
  EXPECT_EQ(queue_.WindowOf(b, seconds(3)), seconds(10));
  EXPECT_EQ(queue_.WindowOf(c, seconds(3)), seconds(5));
  EXPECT_EQ(queue_.WindowOf(d, seconds(3)), seconds(3));
  for (FakeWaiter* const first : {&c, &d, &e, &a, &b}) {
    EXPECT_EQ(queue_.first_whose_window_ends(), first);
    EXPECT_EQ(queue_.first_window_end(), first->window_end);
    queue_.Remove(first);
  }
  EXPECT_EQ(queue_.first_window_end(), kNever);
  // One that is held again is the first of its span again.
  queue_.Add(&d);
  queue_.Add(&b);
  EXPECT_EQ(queue_.first_whose_window_ends(), &d);
  queue_.Remove(&d);
  EXPECT_EQ(queue_.first_whose_window_ends(), &b);
  queue_.Remove(&b);
  queue_.ForgetWindows(At(7));
  EXPECT_TRUE(queue_.has_older_windows()) << "a request of the first window may come back";
  queue_.ForgetWindows(At(12));
  EXPECT_FALSE(queue_.has_older_windows());
}

TEST_F(HeldQueueTest, TheFirstWindowIsThatOfTheFront) {
  FakeWaiter a(1), b(2);
  a.window_end = At(5);
  b.window_end = At(6);
  EXPECT_EQ(queue_.first_window_end(), kNever);
  queue_.Add(&b);
  queue_.Add(&a);
  EXPECT_EQ(queue_.first_window_end(), At(5));
}

TEST_F(HeldQueueTest, ADeadlineAfterTheWindowNeedsNoTimer) {
  FakeWaiter a(1), b(2);
  a.window_end = b.window_end = At(5);
  a.deadline = At(6);
  b.deadline = At(4);
  queue_.ReserveDeadline();
  queue_.Add(&a);
  EXPECT_EQ(queue_.first_deadline(), kNever);
  queue_.ReserveDeadline();
  queue_.Add(&b);
  EXPECT_EQ(queue_.first_deadline(), At(4));
  EXPECT_EQ(queue_.first_to_time_out(), &b);
  queue_.Remove(&b);
  EXPECT_EQ(queue_.deadlines(), 0u);
}

TEST_F(HeldQueueTest, TheBytesAreThoseOfAllThatAreHeld) {
  FakeWaiter a(1), b(2);
  a.bytes = 10;
  b.bytes = 5;
  queue_.Add(&a);
  queue_.Add(&b);
  EXPECT_EQ(queue_.bytes(), 15u);
  queue_.Remove(&a);
  EXPECT_EQ(queue_.bytes(), 5u);
}

TEST_F(HeldQueueTest, OnlyARefusedRequestThatMayComeBackIsACandidate) {
  FakeWaiter a(1), b(2), c(3);
  a.traits = {Refused::kAsStatement, false, true};
  b.traits = {Refused::kNot, true, true};
  queue_.Add(&a);
  queue_.Add(&b);
  EXPECT_FALSE(queue_.has_probe_candidate());
  c.traits = {Refused::kAtConnect, true, false};
  queue_.Add(&c);
  ASSERT_TRUE(queue_.has_probe_candidate());
  EXPECT_EQ(queue_.NextProbe(), &c);
  queue_.Remove(&c);
  EXPECT_FALSE(queue_.has_probe_candidate());
}

TEST_F(HeldQueueTest, TheNextProbeIsTheOneThatWasLetGoLeastRecently) {
  FakeWaiter a(1), b(2), c(3);
  MakeCandidate(a, 7);
  MakeCandidate(b, 5);
  MakeCandidate(c, 6);
  for (FakeWaiter* const waiter : {&a, &b, &c}) queue_.Add(waiter);
  EXPECT_EQ(queue_.NextProbe(), &b);
  queue_.Remove(&b);
  EXPECT_EQ(queue_.NextProbe(), &c);
}

TEST_F(HeldQueueTest, OneThatWasNeverLetGoComesFirst) {
  FakeWaiter a(1), b(2), c(3);
  MakeCandidate(a, 7);
  MakeCandidate(b, 0);
  MakeCandidate(c, 0);
  for (FakeWaiter* const waiter : {&a, &b, &c}) queue_.Add(waiter);
  EXPECT_EQ(queue_.NextProbe(), &b) << "of two, the one that came first";
}

}  // namespace
}  // namespace failover::internal
