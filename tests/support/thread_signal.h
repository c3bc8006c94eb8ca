// A Signal stands for an event that other threads can wait for. A test with threads uses it to put
// their steps in order.
//
// It is thread-safe.
#ifndef FAILOVER_TESTS_SUPPORT_THREAD_SIGNAL_H_
#define FAILOVER_TESTS_SUPPORT_THREAD_SIGNAL_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

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

  // Waits until Give was called `times` times in all. Returns false if that does not happen within
  // a time that is far longer than needed; the test has failed then.
  bool Await(int times = 1) {
    constexpr std::chrono::seconds kPatience(50);
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
