// What is read from a file, and may be read again while it is used.
#ifndef FAILOVER_PROXY_CORE_RELOADABLE_H_
#define FAILOVER_PROXY_CORE_RELOADABLE_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/mutex.h"

namespace proxy {

// Thread-safe.
template <class T>
class Reloadable {
 public:
  explicit Reloadable(T first) : current_(std::make_shared<const T>(std::move(first))) {}

  // What holds now. It stays valid for whoever keeps the pointer.
  std::shared_ptr<const T> Get() const {
    const MutexLock lock(mutex_);
    return current_;
  }

  // Replaces what holds by what `load` returns, a StatusOr<T>. `load` gets a pointer to what it
  // replaces. After an error everything stays as it was. One thread at a time calls this.
  template <class Load>
  absl::Status Reload(const Load& load) {
    const std::shared_ptr<const T> before = Get();
    absl::StatusOr<T> next = load(before.get());
    if (!next.ok()) return next.status();
    auto current = std::make_shared<const T>(*std::move(next));
    {
      const MutexLock lock(mutex_);
      current_.swap(current);
    }
    // What was there before goes here, under no lock.
    return absl::OkStatus();
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_RELOADABLE_H_
