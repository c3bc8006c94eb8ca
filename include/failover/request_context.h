// What a caller tells a Buffer about one request.
#ifndef FAILOVER_REQUEST_CONTEXT_H_
#define FAILOVER_REQUEST_CONTEXT_H_

#include <atomic>
#include <cstddef>
#include <mutex>

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

namespace internal {

class CancelHook;

}  // namespace internal

// Lets another thread end a blocking wait: the waiting call returns kCancelled.
//
// Thread-safety: thread-safe. One Cancellation may serve any number of calls, at once or in turn.
// Lifetime: a Cancellation must outlive the calls that it was given to.
class FAILOVER_EXPORT Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Cancels for good. Later calls that would be held are cancelled, too; calls that need not be
  // held pass. Never blocks for long.
  void Cancel();
  // The acquire pairs with the release in Cancel: a thread that sees the flag sees what led to it.
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  friend class internal::CancelHook;

  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  internal::CancelHook* hooks_ = nullptr;  // guarded by mutex_: the calls that wait now
};

// Plain data. The asynchronous calls copy it.
struct RequestContext {
  // The time that is left until the caller's deadline. When it is over, a held request fails with
  // kTimeout. With zero or a negative value, a request fails at once with kTimeout if it would be
  // held, and passes if not. Even then a failover's error starts the buffering.
  absl::Duration timeout = absl::InfiniteDuration();
  // Cancels a blocking call. The other calls ignore it: BufferedRequest::Cancel is for them. Not
  // owned.
  Cancellation* cancellation = nullptr;
  // The memory in bytes that the request pins while it is held. It counts against
  // BufferOptions::max_bytes.
  std::size_t bytes = 0;
};

}  // namespace failover

#endif  // FAILOVER_REQUEST_CONTEXT_H_
