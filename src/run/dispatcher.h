// Runs the timers that are due and the waiters that were released, inside Poll.
#ifndef FAILOVER_SRC_RUN_DISPATCHER_H_
#define FAILOVER_SRC_RUN_DISPATCHER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/indexed_heap.h"
#include "base/mutex.h"
#include "base/waiter_list.h"
#include "failover/internal/instant.h"
#include "failover/internal/waiter.h"
#include "shard/effects.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

enum class PollMode : std::uint8_t {
  // Runs a limited number of callbacks. Does nothing if another thread polls, or if this thread is
  // inside a callback.
  kOneTurn,
  // Waits until no other thread polls, and then runs every callback.
  kAllReady,
};

// What came of one turn of polling.
struct PollTurn {
  // False if another thread polled, or if the call was made inside a callback.
  bool ran = false;
  // For how long nothing will be due.
  absl::Duration idle_for = absl::InfiniteDuration();
  // A callback of this turn called MakeThisTurnTheLast.
  bool last = false;
};

// Keeps the timers of the shards and the waiters that are ready, and lets one thread at a time run
// them.
//
// Thread-safe. Its mutex is the last in the lock order: a shard's mutex is held when Collect or
// TakeBack is called. The dispatcher calls nothing foreign under its own mutex.
class Dispatcher {
 public:
  // What the dispatcher needs of the Buffer. Its functions are called under no lock.
  class Client {
   public:
    virtual Instant Now() const noexcept = 0;
    // Lets the shard do what is due by `now`, and calls Collect with Effects::timer_fired.
    virtual void OnTimer(ShardBuffer& shard, Instant now) = 0;

   protected:
    ~Client() = default;
  };

  // `client` must live longer than *this.
  explicit Dispatcher(Client& client) : client_(client) {}

  // Makes room for the timers of `count` shards, so that Collect never allocates. May throw
  // std::bad_alloc.
  void ReserveTimers(std::size_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes over the waiters that a decision of the shard made ready. Sets the shard's timer if the
  // shard is due earlier than the timer says, or if the timer has fired. (If the shard is due
  // later, the timer is corrected when it fires.) Sets effects->wake_poller if the thread or event
  // loop that drives Poll must be woken; then the caller must wake it, and call WakeupDone
  // afterwards.
  void Collect(ShardBuffer& shard, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex())
      ABSL_LOCKS_EXCLUDED(mutex_);
  void WakeupDone() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the poller must be woken because it has to poll at `due`. If so, the caller must wake
  // it, and call WakeupDone afterwards. A thread that polls at this moment is not woken.
  bool MustWakeFor(Instant due) ABSL_LOCKS_EXCLUDED(mutex_);

  // Fires the timers that are due, and then completes the waiters that are ready. This is the one
  // function that runs the embedder's callbacks.
  PollTurn Poll(PollMode mode) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes a waiter out of the list of ready ones, so that it does not run. Called under the mutex
  // of the waiter's shard. Returns false if the waiter ran already, or runs at this moment.
  bool TakeBack(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once `waiter` does not run any more. Inside a callback it returns at once.
  void WaitWhileRunning(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the calling thread is inside a callback.
  bool InsideCallback() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the calling thread polls at this moment: it is inside a callback, or inside other
  // foreign code that a turn of polling calls. Takes no mutex.
  bool PollsHere() const {
    // Relaxed is enough. Only the calling thread itself ever writes its own id here, and it sees
    // its own writes in order.
    return polls_here_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  // The time at which the turn of polling began that the calling thread is in. Needs PollsHere.
  // What the callbacks of a turn do counts as done at its begin, so a turn reads the clock once for
  // all of them.
  Instant turn_began() const { return turn_began_; }
  // Inside a callback: marks the turn of polling that runs the callback, so that its PollTurn has
  // `last` set. Outside of a callback it returns false and does nothing.
  bool MakeThisTurnTheLast() ABSL_LOCKS_EXCLUDED(mutex_);

  // Must be called when all shards are closed, so that no more waiters get ready. Returns once no
  // waiter is ready or runs, and no wake-up of the poller is under way. No wake-up will be asked
  // for afterwards. It runs no waiters itself: another thread must poll as long as some are ready.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // The steps of Poll. BeginTurn returns false if the mode does not wait and another thread polls.
  bool BeginTurn(PollMode mode) ABSL_LOCKS_EXCLUDED(mutex_);
  void FireDueTimers() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunReady(std::size_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  void SettleFirstTimer() ABSL_LOCKS_EXCLUDED(mutex_);
  PollTurn EndTurn(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the shard whose timer is first, or nullptr if no timer is due by `now`.
  ShardBuffer* FirstTimer(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetTimer(ShardBuffer* shard, Instant due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool InsideCallbackLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Client& client_;

  Mutex mutex_;
  // Signalled when a callback, a turn or a wake-up ended, if watchers_ says that a thread waits.
  CondVar something_ended_;
  std::size_t watchers_ ABSL_GUARDED_BY(mutex_) = 0;

  WaiterList ready_ ABSL_GUARDED_BY(mutex_);
  IndexedHeap<ShardBuffer, &Timer::due, &Timer::index> timers_ ABSL_GUARDED_BY(mutex_);

  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id poller_ ABSL_GUARDED_BY(mutex_);
  // The thread that polls, or no thread. Written under mutex_, and read without.
  std::atomic<std::thread::id> polls_here_{};
  // Only the thread that polls uses the time. One turn follows another under mutex_.
  Instant turn_began_;
  bool last_turn_ ABSL_GUARDED_BY(mutex_) = false;
  const Waiter* running_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // When the poller means to come back: as the last turn said, or earlier, if it was woken since.
  Instant next_poll_ ABSL_GUARDED_BY(mutex_) = kNever;
  std::size_t wakeups_under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_DISPATCHER_H_
