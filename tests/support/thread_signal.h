// Something that happened, for threads to wait for: the steps of a test with threads go in order.
//
// Thread-safe.
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

  // False: the signal was not given so often within kPatience, and the test has failed.
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
