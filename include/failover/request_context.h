// What a Buffer may know about one request.
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
// Lifetime: must outlive the calls that it was given to.
class FAILOVER_EXPORT Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // For good: calls to come that would be held are cancelled too; those that need not be held pass.
  // Never blocks for long.
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  friend class internal::CancelHook;

  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  internal::CancelHook* hooks_ = nullptr;  // guarded by mutex_: the calls that wait now
};

// Plain data; copied into the asynchronous calls.
struct RequestContext {
  // What is left of the caller's deadline. Once it is over a held request fails with kTimeout.
  // Zero or negative: fails with kTimeout at once where it would be held, and passes elsewhere. A
  // failover's error starts buffering all the same.
  absl::Duration timeout = absl::InfiniteDuration();
  // Blocking calls only; ignored by the others (BufferedRequest::Cancel is theirs). Not owned.
  Cancellation* cancellation = nullptr;
  // The memory that the request pins while it is held; counts against BufferOptions::max_bytes.
  std::size_t bytes = 0;
};

}  // namespace failover

#endif  // FAILOVER_REQUEST_CONTEXT_H_
