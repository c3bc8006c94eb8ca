// Stops threads at the sync points of the library (src/base/sync_point.h), so that a test can bring
// two of them into a given order.
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

// Stops the first thread that comes by `point` from now on, or the first after so many. Those that
// come later pass.
class StopAt {
 public:
  explicit StopAt(std::string_view point, int passes = 0);
  ~StopAt();

  StopAt(const StopAt&) = delete;
  StopAt& operator=(const StopAt&) = delete;

  // Returns once a thread stands there. False: none came within any reasonable time.
  bool Await();
  bool reached();
  void LetGo();

 private:
  friend class Crossing;
  struct State;

  // Shared with the thread that stands here, which may notice only later that it was let go.
  const std::shared_ptr<State> state_;
};

// An operation on a thread of its own.
class Step {
 public:
  explicit Step(std::function<void()> operation);
  ~Step();

  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  // Returns once the operation has ended, or blocks until another thread does something, or stands
  // at a StopAt. False: none of that happened within any reasonable time.
  bool EndsOrStands();
  // How often it has come to where it waits for another thread, and: returns once it has done so
  // that often.
  int waits();
  bool AwaitWaits(int times);
  // False: it did not end within any reasonable time.
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
