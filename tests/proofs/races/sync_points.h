// Stops threads at the sync points of the library (src/base/sync_point.h), so that a test can bring
// two threads into a given order.
//
//   StopAt window("submit:before-lock");
//   Step submit([&] { ... });
//   ASSERT_TRUE(window.Await());     // the submitting thread stands in its window
//   buffer.StatsUpdate(...);         // what races with it
//   window.LetGo();
//   ASSERT_TRUE(submit.Join());
#ifndef FAILOVER_TESTS_PROOFS_RACES_SYNC_POINTS_H_
#define FAILOVER_TESTS_PROOFS_RACES_SYNC_POINTS_H_

#include <functional>
#include <memory>
#include <string_view>
#include <thread>

namespace failover::test {

// Stops the first thread that comes by `point` from now on, after `passes` threads have passed.
// Threads that come later pass.
class StopAt {
 public:
  explicit StopAt(std::string_view point, int passes = 0);
  ~StopAt();

  StopAt(const StopAt&) = delete;
  StopAt& operator=(const StopAt&) = delete;

  // Returns once a thread stands at the point. False means that none came within any reasonable
  // time.
  bool Await();
  bool reached();
  void LetGo();

 private:
  friend class Crossing;
  struct State;

  // Shared with the thread that stands at the point, which may notice only after the end of *this
  // that it may go on.
  const std::shared_ptr<State> state_;
};

// An operation on a thread of its own.
class Step {
 public:
  explicit Step(std::function<void()> operation);
  ~Step();

  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  // Returns once the operation has ended, or stands at a StopAt, or waits for another thread. False
  // means that none of that happened within any reasonable time.
  bool EndsOrStands();
  // waits() tells how often the operation came to a point where it waits for another thread.
  // AwaitWaits returns once it did so that often.
  int waits();
  bool AwaitWaits(int times);
  // Waits for the end of the operation. False means that it did not end within any reasonable time.
  bool Join();
  bool ended();

 private:
  friend class Crossing;

  // Guarded by the mutex of all points.
  bool ended_ = false;
  bool stands_ = false;
  int waits_ = 0;
  std::thread thread_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_SYNC_POINTS_H_
