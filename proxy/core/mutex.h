// A mutex that clang's -Wthread-safety understands, and that ThreadSanitizer understands, too: it
// sees no order in abseil's mutex, because Debian's abseil is compiled without the sanitizer.
#ifndef FAILOVER_PROXY_CORE_MUTEX_H_
#define FAILOVER_PROXY_CORE_MUTEX_H_

#include <mutex>

#include "absl/base/thread_annotations.h"

namespace proxy {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
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

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_MUTEX_H_
