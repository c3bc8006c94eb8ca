// What a caller tells a Buffer about one request.
#ifndef FAILOVER_REQUEST_CONTEXT_H_
#define FAILOVER_REQUEST_CONTEXT_H_

#include <atomic>
#include <cstddef>
#include <mutex>

#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/work.h"

namespace failover {

class Inbox;  // failover/inbox.h

namespace internal {

class CancelHook;

}  // namespace internal

// Lets another thread end a wait with kCancelled: the blocked call returns it, and the callback or
// the coroutine is given it where callbacks run.
//
// Thread-safety: thread-safe. One Cancellation may serve any number of calls, at once or in turn.
// Lifetime: a Cancellation must outlive the waits that it was given to: until the blocked call has
// returned, the callback runs or is destroyed, or the coroutine goes on. It must also outlive
// Cancel itself.
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
  // Cancels the wait. A callback is given kCancelled then, whereas BufferedRequest::Cancel destroys
  // it unused. Not owned; must live as Cancellation says.
  Cancellation* cancellation = nullptr;
  // The memory in bytes that the request pins while it is held. It counts against
  // BufferOptions::max_bytes.
  std::size_t bytes = 0;
  // The router can bring the request back: if the retry is refused, too, the router hands the
  // RetryDoneFunc to the next wait (LastAttempt::After). The Buffer may then let the request go
  // alone, to see whether the shard takes writes again. RetrySteps sets this.
  bool may_probe = false;
  // The request writes. If its retry succeeds, the shard takes writes, even if the request was not
  // refused before.
  bool writes = false;
  // Whether a planned switchover waits for the request, and as what. The token of the request, held
  // or not, counts it as in flight until the token ends. Nothing is counted in a shard that does
  // not buffer, nor after Shutdown, nor if the request comes with an error that no failover caused.
  Work work = Work::kUncounted;
  // Where the callback or the coroutine of the request runs, if it is held: inside Inbox::Poll. If
  // this is null, it runs on the service thread (kManual: inside Buffer::Poll). The blocking waits
  // ignore it. Not owned.
  Inbox* inbox = nullptr;
};

}  // namespace failover

#endif  // FAILOVER_REQUEST_CONTEXT_H_
