// A Signal stands for an event that other threads can wait for. A test with threads uses it to put
// their steps in order.
//
// It is thread-safe.
#ifndef FAILOVER_TESTS_SUPPORT_THREAD_SIGNAL_H_
#define FAILOVER_TESTS_SUPPORT_THREAD_SIGNAL_H_

#include <condition_variable>
#include <mutex>

#include "patience.h"

namespace failover::test {

class Signal {
 public:
  void Give() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++given_;
    changed_.notify_all();
  }

  int given() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return given_;
  }

  // Waits until Give was called `times` times in all. If that does not happen within kPatience, the
  // test fails and the result is false.
  bool Await(int times = 1) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this, times] { return given_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int given_ = 0;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_THREAD_SIGNAL_H_
