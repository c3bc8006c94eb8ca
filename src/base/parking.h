// Blocks one thread until another thread says go. An object is used once.
#ifndef FAILOVER_SRC_BASE_PARKING_H_
#define FAILOVER_SRC_BASE_PARKING_H_

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#else
#include <condition_variable>
#include <mutex>
#endif

namespace failover::internal {

// A Parking lives on the stack of the thread that parks. That thread may return, and reuse its
// stack, as soon as Unpark has said go.
#ifdef __linux__

class Parking {
 public:
  void Park() {
    // The acquire pairs with the release in Unpark, so this thread sees all that was written
    // before.
    while (go_.load(std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &go_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }

  void Unpark() {
    // After the store *this may be gone, so the wake-up uses its address only. If no thread waits
    // on that word by then, the wake-up does nothing. If another thread waits on it, that thread
    // wakes without a reason, which every user of a futex must bear. The release publishes what
    // this thread wrote before.
    std::atomic<std::uint32_t>* const word = &go_;
    word->store(1, std::memory_order_release);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> go_{0};
  static_assert(sizeof(go_) == sizeof(std::uint32_t), "a futex is a plain 32-bit word");
};

#else

class Parking {
 public:
  void Park() {
    std::unique_lock<std::mutex> lock(mutex_);
    condition_.wait(lock, [this] { return go_; });
  }

  void Unpark() {
    // The notification is given under the lock. So the parked thread cannot return, and end the
    // life of *this, before this call is done with it.
    const std::lock_guard<std::mutex> lock(mutex_);
    go_ = true;
    condition_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool go_ = false;
};

#endif

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_PARKING_H_
