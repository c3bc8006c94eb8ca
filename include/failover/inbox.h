// A mailbox per event loop, as a completion queue: the callbacks of asynchronous waits run on the
// loop that the requests belong to, and not on the Buffer's service thread.
//
//   failover::Inbox inbox([&loop] { loop.WakeUp(); });      // eventfd, uv_async_send, a pipe, ...
//   failover::RequestContext context;
//   context.inbox = &inbox;
//   buffer->WaitForFailoverEndAsync(context, shard, error, callback);
//
//   // On the loop's own thread, once when the loop starts, and then whenever it was woken:
//   while (inbox.Poll()) {
//   }
//
// Timers and decisions stay where they are, on the service thread or in Buffer::Poll. Only the
// callbacks go home. So on the inbox's thread nothing races with a callback:
// BufferedRequest::Cancel and ~BufferedRequest never wait there, and a suspended coroutine
// (failover/coroutine.h) may be destroyed there at any time.
#ifndef FAILOVER_INBOX_H_
#define FAILOVER_INBOX_H_

#include <functional>

#include "failover/export.h"

namespace failover {

namespace internal {

class BufferAccess;
class BufferCore;
class InboxCore;

}  // namespace internal

// Takes the callbacks and the coroutines of the requests whose RequestContext::inbox names it. The
// blocking waits ignore an inbox.
//
// Threads: the thread of an inbox is the thread that calls Poll first, so call Poll once when the
// loop starts; before that, Shutdown does not know whose thread it is on. Any thread may submit
// requests to an inbox, and any thread may release or cancel them. ~BufferedRequest waits on
// another thread for a callback that runs, as without an inbox. So a callback must not destroy the
// handle of a request whose callback may run on another thread: two such callbacks could wait for
// each other for ever. It calls BufferedRequest::Cancel, which waits for no callback, and Detach.
// Lifetime: one inbox serves any number of Buffers, and either may go first. An inbox must outlive
// each call that names it in a RequestContext. A request that is held needs the inbox until its
// callback has run; otherwise ~Inbox cancels the request.
// Shutdown of a Buffer hands the requests over to their inboxes and runs none of their callbacks. A
// callback that Poll runs later gets a token whose end does nothing any more. Where Shutdown waits
// for retries (BufferOptions::shutdown_grace), Shutdown and ~Buffer do not wait for them on the
// thread of an inbox, because that thread would have to end them.
class FAILOVER_EXPORT Inbox {
 public:
  // `wakeup` makes the loop call Poll. It runs under no lock, on any thread, the inbox's own among
  // them, and at most once between two calls of Poll. It must be quick, must not call the inbox,
  // and must not throw (std::terminate). It never runs after ~Inbox returned. If it is empty,
  // nobody is woken, and the loop must call Poll now and then. May throw std::bad_alloc.
  explicit Inbox(std::function<void()> wakeup);

  // To be called on the inbox's thread; a callback of the inbox may do so, too. Cancels every
  // request that is still held with the inbox, and every request that was released and whose
  // callback has not begun: the slots are free, the callbacks are destroyed unused, and no callback
  // runs afterwards. A suspended coroutine stays suspended, and whoever owns its frame destroys it.
  // Called on another thread, it waits for a callback that runs, and logs an error.
  ~Inbox();

  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Runs at most `max_callbacks` of the callbacks that have come, in the order in which their
  // requests were released. Retries that callbacks of one poll end may count as ended at the same
  // time, because not each of them reads the clock. True means that more have come, and that no
  // wake-up is due for them: call Poll again. Nothing is polled, the answer is false, and a line is
  // logged once, if the call is made on another thread than the first Poll, or inside a callback of
  // the inbox. False, too, if a callback destroyed the inbox.
  bool Poll(int max_callbacks = 1024);

 private:
  friend class internal::BufferAccess;
  friend class internal::BufferCore;

  // The callers that wake the loop share the ownership of it.
  internal::InboxCore* const core_;
};

}  // namespace failover

#endif  // FAILOVER_INBOX_H_
