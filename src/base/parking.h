// Blocks one thread until another thread says go. An object is used once.
#ifndef FAILOVER_SRC_BASE_PARKING_H_
#define FAILOVER_SRC_BASE_PARKING_H_

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#else
#include <chrono>
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

  // Parks at most until `deadline`. Returns whether Unpark has said go. After false, the thread
  // must park again before *this may be gone, unless it knows that nobody will unpark it.
  bool ParkUntil(std::chrono::steady_clock::time_point deadline) {
    // This operation of the kernel counts on CLOCK_MONOTONIC, which is the steady clock on Linux.
    constexpr int kWaitUntil = FUTEX_WAIT_BITSET_PRIVATE;
    const auto since_boot = deadline.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    timespec until{};
    until.tv_sec = static_cast<time_t>(seconds.count());
    until.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count());
    // The acquire is as in Park.
    while (go_.load(std::memory_order_acquire) == 0) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      syscall(SYS_futex, &go_, kWaitUntil, 0, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
    }
    return true;
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
  static_assert(sizeof(timespec) == 2 * sizeof(long), "SYS_futex takes the kernel's own timespec");
};

#else

class Parking {
 public:
  void Park() {
    std::unique_lock<std::mutex> lock(mutex_);
    condition_.wait(lock, [this] { return go_; });
  }

  bool ParkUntil(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    return condition_.wait_until(lock, deadline, [this] { return go_; });
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
