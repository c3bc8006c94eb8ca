// The inside of an Inbox: the waiters that are held with it or ready for it, and its bell.
#ifndef FAILOVER_SRC_RUN_INBOX_CORE_H_
#define FAILOVER_SRC_RUN_INBOX_CORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/ref_counted.h"
#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/internal/waiter.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// One call of Poll. The callbacks that follow each other in it share a reading of the clock of
// their Buffer, as those of a turn of the dispatcher do.
struct InboxTurn {
  // The inside of the Buffer whose callback runs. The turn has a share of the ownership, so no
  // other Buffer gets the address meanwhile.
  RefCounted* owner = nullptr;
  // Read when a callback needs it, and anew after some callbacks.
  std::optional<Instant> time;
};

// A waiter is a member from the moment on when its shard holds it, until its callback begins to run
// or the waiter is cancelled. Each member has a share of the ownership of its Buffer's inside, so a
// Buffer may go before its inboxes. Whoever takes a member out takes over the share.
//
// Thread-safe. Its mutex is taken after a shard's and with no other mutex below it. Nothing foreign
// runs under it.
class InboxCore final : public RefCounted {
 public:
  explicit InboxCore(std::function<void()> wakeup) : wakeup_(std::move(wakeup)) {}

  // These four are called under the mutex of the waiter's shard.
  // A held waiter whose `inbox` is *this becomes a member, and takes a share of the ownership.
  void Join(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // A member that was held has left the queue of its shard for good.
  void Leave(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes a member that is ready out, so that it does not run. Returns false if the waiter ran
  // already, or runs at this moment.
  bool TakeBack(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // The first member if it is of the shard, for the calling thread to take out and to discard.
  // nullptr otherwise.
  Waiter* FirstToDiscard(const ShardBuffer& shard) ABSL_LOCKS_EXCLUDED(mutex_);

  // Hands the members in the list, which a decision made ready, to their inboxes. Called under the
  // mutex of their shard. Puts the inboxes whose loops must be woken into *bells; then the caller
  // must call Ring under no lock.
  static void Deliver(WaiterList* waiters, InboxCore** bells);
  static void Ring(InboxCore* bells) noexcept;

  // As Inbox::Poll.
  bool Poll(int max_callbacks) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once `waiter` does not run any more. On the inbox's thread it returns at once.
  void WaitWhileRunning(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  // The waiter of FirstToDiscard was discarded.
  void Discarded() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once `waiter` is not about to be discarded. On the thread that discards the waiter it
  // returns at once.
  void WaitWhileDiscarded(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  // The first step of ~Inbox: when Close returns, no callback begins any more and no wake-up runs.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);
  // The shard of any member, whose owner gets one more reference; nullptr if there is no member.
  ShardBuffer* ShardOfAny() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the calling thread is the thread of an inbox.
  static bool IsHomeThread();
  // The turn that runs a callback of `owner` on the calling thread, or nullptr.
  static InboxTurn* TurnOf(const RefCounted& owner);

 private:
  enum class Bell : std::uint8_t {
    kQuiet,  // nothing has come since the last poll, so what comes next must ring
    kDue,    // something has come, and a thread is about to ring
    kRung,   // the loop was woken, or polls, or knows that there is more
  };

  ~InboxCore() override = default;

  // Returns false, and logs, if the calling thread may not poll now.
  bool BeginPoll() ABSL_LOCKS_EXCLUDED(mutex_);
  // Completes the waiters of a poll, and returns the answer of the poll.
  bool RunTurn(int max_callbacks) ABSL_LOCKS_EXCLUDED(mutex_);
  // The next waiter to complete. nullptr ends the poll, and *more is its answer.
  Waiter* NextToRun(bool may_run, bool* more) ABSL_LOCKS_EXCLUDED(mutex_);
  void Unlink(Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RingOne() noexcept ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the bell is due, so that the caller of RingOne has to call `wakeup_`.
  bool TakeTurnToRing() ABSL_LOCKS_EXCLUDED(mutex_);

  std::atomic<bool> misuse_logged_{false};
  // Written by Close only, when no thread can call it any more.
  std::function<void()> wakeup_;

  Mutex mutex_;
  // Signalled when a callback, a poll, a wake-up or a discard ended, if watchers_ says that a
  // thread waits.
  CondVar something_ended_;
  std::size_t watchers_ ABSL_GUARDED_BY(mutex_) = 0;

  // All members, linked by Waiter::inbox_previous and inbox_next.
  Waiter* members_ ABSL_GUARDED_BY(mutex_) = nullptr;
  WaiterList ready_ ABSL_GUARDED_BY(mutex_);
  const Waiter* running_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // The member that ~Inbox discards at this moment, and the thread that does so.
  const Waiter* discarded_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread::id discarder_ ABSL_GUARDED_BY(mutex_);

  // The thread of the inbox, or no thread before the first Poll.
  std::thread::id home_ ABSL_GUARDED_BY(mutex_);
  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;

  Bell bell_ ABSL_GUARDED_BY(mutex_) = Bell::kQuiet;
  // A thread has *this in its list of bells, or is inside Ring. That thread alone uses next_bell_.
  bool has_ringer_ ABSL_GUARDED_BY(mutex_) = false;
  InboxCore* next_bell_ = nullptr;
  // The thread that is inside wakeup_, or no thread.
  std::thread::id in_wakeup_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_INBOX_CORE_H_
