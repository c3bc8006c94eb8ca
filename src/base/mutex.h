// A mutex and a condition variable that clang's -Wthread-safety understands. They are built on
// std::mutex, because abseil's mutex is slower where its deadlock detector is on, and its timed
// waits follow the wall clock.
#ifndef FAILOVER_SRC_BASE_MUTEX_H_
#define FAILOVER_SRC_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/sync_point.h"

#if defined(__SANITIZE_THREAD__)
#define FAILOVER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define FAILOVER_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define FAILOVER_THREAD_SANITIZER 0
#endif

namespace failover::internal {

// Lets the other thread of the processor core go ahead while this one spins.
inline void PauseProcessor() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Most of what is done under these mutexes takes some nanoseconds. So Lock tries some times more
  // before it lets the kernel put the thread to sleep.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    // ThreadSanitizer learns the order of locks only from calls that may block.
    constexpr int kAttempts = FAILOVER_THREAD_SANITIZER ? 0 : 50;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (mutex_.try_lock()) return;
      PauseProcessor();
    }
    mutex_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;

  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A wait may end without a reason, so the caller must test its condition in a loop.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // Waits at most until `deadline`, on the steady clock. Returns false if the deadline is over.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

inline void CondVar::Wait(Mutex& mutex) {
  std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
  FAILOVER_SYNC_POINT("condition:waits");
  condition_.wait(lock);
  lock.release();
}

inline bool CondVar::WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
  FAILOVER_SYNC_POINT("condition:waits");
  const std::cv_status status = condition_.wait_until(lock, deadline);
  lock.release();
  return status == std::cv_status::no_timeout;
}

// Returns the point of the steady clock that is `after` from now. For an infinite duration the
// point is far away, but does not overflow.
inline std::chrono::steady_clock::time_point SteadyDeadline(absl::Duration after) {
  constexpr absl::Duration kFar = absl::Hours(24 * 365);
  if (after > kFar) after = kFar;
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(after);
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_MUTEX_H_
