// What Poll runs: the timers that are due, and the waiters that were let go.
#ifndef FAILOVER_SRC_RUN_DISPATCHER_H_
#define FAILOVER_SRC_RUN_DISPATCHER_H_

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
  // A limited number of callbacks. Nothing if another thread polls, or this one, in a callback.
  kOneTurn,
  // Waits for its turn, and then runs every callback.
  kAllReady,
};

// What came of one turn of polling.
struct PollTurn {
  // How long nothing will be due.
  absl::Duration idle_for = absl::InfiniteDuration();
  // A callback of this turn called MakeThisTurnTheLast.
  bool last = false;
};

// Keeps the timers of the shards and the waiters that are ready, and lets one thread at a time run
// both.
//
// Thread-safe. Its mutex is the last of the lock order: a shard's mutex may be held when Collect or
// TakeBack is called. It calls nothing foreign under its own mutex.
class Dispatcher {
 public:
  // What a poll needs of the Buffer. Called under no lock.
  class Client {
   public:
    virtual Instant Now() const noexcept = 0;
    // Lets happen what is due by `now` in the shard, and calls Collect with timer_fired.
    virtual void OnTimer(ShardBuffer& shard, Instant now) = 0;

   protected:
    ~Client() = default;
  };

  // `client` must live longer than *this.
  explicit Dispatcher(Client& client) : client_(client) {}

  // Makes room for the timers of `count` shards, so that Collect never allocates. May throw
  // std::bad_alloc.
  void ReserveTimers(std::size_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes over what a decision of the shard left: the waiters that are ready, and the time when the
  // shard is due next, if that is earlier than its timer says or if the timer has fired. A later
  // time can wait until the timer fires. Sets effects->wake_poller if whoever drives Poll must be
  // told. Then somebody must do so, and call WakeupDone afterwards.
  void Collect(ShardBuffer& shard, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex())
      ABSL_LOCKS_EXCLUDED(mutex_);
  void WakeupDone() ABSL_LOCKS_EXCLUDED(mutex_);

  // Fires the timers that are due, and then completes the waiters that are ready. This is the one
  // function that runs the embedder's callbacks.
  PollTurn Poll(PollMode mode) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes a waiter that is ready back, before it runs. Called under its shard's mutex. False: it
  // ran or runs.
  bool TakeBack(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once `waiter` does not run any more; at once inside a callback.
  void WaitWhileRunning(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether this thread is inside a callback.
  bool InsideCallback() ABSL_LOCKS_EXCLUDED(mutex_);
  // Inside a callback: the turn of polling that runs the callback says, when it is over, that it
  // was the last. False, and nothing happens: this thread is not inside a callback.
  bool MakeThisTurnTheLast() ABSL_LOCKS_EXCLUDED(mutex_);

  // To be called when all shards are closed, so that no more waiters get ready. Returns once none
  // is ready, none runs, and no wake-up of the poller is under way. None will be asked for any
  // more. Another thread must poll, or have polled, what is ready.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // The steps of Poll. BeginTurn: false if there is no turn to be had in this mode.
  bool BeginTurn(PollMode mode) ABSL_LOCKS_EXCLUDED(mutex_);
  void FireDueTimers() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunReady(std::size_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  void SettleFirstTimer() ABSL_LOCKS_EXCLUDED(mutex_);
  PollTurn EndTurn(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The shard whose timer is first; nullptr if there is none, or none that is due by `now`.
  ShardBuffer* FirstTimer(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetTimer(ShardBuffer* shard, Instant due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool InsideCallbackLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Client& client_;

  Mutex mutex_;
  // Signalled, if anybody watches, whenever a callback, a turn or a wake-up ended.
  CondVar something_ended_;
  std::size_t watchers_ ABSL_GUARDED_BY(mutex_) = 0;

  WaiterList ready_ ABSL_GUARDED_BY(mutex_);
  IndexedHeap<ShardBuffer, &Timer::due, &Timer::index> timers_ ABSL_GUARDED_BY(mutex_);

  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id poller_ ABSL_GUARDED_BY(mutex_);
  bool last_turn_ ABSL_GUARDED_BY(mutex_) = false;
  const Waiter* running_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // When the poller means to come back: what Poll said last, or what was asked for since.
  Instant next_poll_ ABSL_GUARDED_BY(mutex_) = kNever;
  std::size_t wakeups_under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_DISPATCHER_H_
