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
#include "base/timer.h"
#include "base/waiter_list.h"
#include "failover/internal/waiter.h"
#include "shard/effects.h"

namespace failover::internal {

// What came of one turn of polling.
struct PollTurn {
  // How long nothing will be due.
  absl::Duration idle_for = absl::InfiniteDuration();
  // A callback of this turn called MakeThisTurnTheLast.
  bool last = false;
};

// Thread-safe. Its mutex is the last of the lock order: a shard's mutex may be held when one of
// its functions is called, and it calls nothing foreign under its own.
class Dispatcher {
 public:
  // Makes room for `count` timers, so that Collect never allocates. May throw std::bad_alloc.
  void ReserveTimers(std::size_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes over what a decision left: its ready waiters, and the time `due` of its owner's timer if
  // that is earlier than the one it has (a later one can wait until the timer fires). Called under
  // the owner's mutex. Sets effects->wake_poller if whoever drives Poll must be told; then call
  // WakeupDone once that happened.
  void Collect(Timer* timer, Instant due, Effects* effects) ABSL_LOCKS_EXCLUDED(mutex_);
  void WakeupDone() ABSL_LOCKS_EXCLUDED(mutex_);

  // Sets the timer to exactly `due`. Called under the owner's mutex, by the poller.
  void Rearm(Timer* timer, Instant due) ABSL_LOCKS_EXCLUDED(mutex_);
  // The timer that is due first; nullptr if none is set.
  Timer* FirstTimer() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, if it is due by `now`.
  Timer* FirstDue(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes a waiter that is ready back, before it runs. Called under its shard's mutex. False: it
  // ran or runs.
  bool TakeBack(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once `waiter` does not run any more; at once inside a callback.
  void WaitWhileRunning(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  // One poller at a time. False: somebody polls already (maybe this thread, in a callback).
  bool TryBeginPoll() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, but waits for the other one.
  void BeginPoll() ABSL_LOCKS_EXCLUDED(mutex_);
  // Completes ready waiters, at most `limit`. The poller only. The one function that runs foreign
  // callbacks.
  void RunReady(std::size_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  // `idle_for` counts from `now` on.
  PollTurn EndPoll(Instant now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether this thread is inside a callback.
  bool InsideCallback() ABSL_LOCKS_EXCLUDED(mutex_);
  // Inside a callback: the turn of polling that runs the callback says, when it is over, that it
  // was the last. False, and nothing happens: this thread is not inside a callback.
  bool MakeThisTurnTheLast() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once no waiter is ready and none runs. Somebody else must poll.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mutex_);
  // No wake-up of the poller will be asked for any more, and none is under way.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void RearmLocked(Timer* timer, Instant due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool InsideCallbackLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  // Signalled, if anybody watches, whenever a callback, a poll or a wake-up ended.
  CondVar something_ended_;
  std::size_t watchers_ ABSL_GUARDED_BY(mutex_) = 0;

  WaiterList ready_ ABSL_GUARDED_BY(mutex_);
  IndexedHeap<Timer, &Timer::due, &Timer::index> timers_ ABSL_GUARDED_BY(mutex_);

  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id poller_ ABSL_GUARDED_BY(mutex_);
  bool last_turn_ ABSL_GUARDED_BY(mutex_) = false;
  const Waiter* running_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // When the poller means to come back: what Poll said last, or asked for since.
  Instant next_poll_ ABSL_GUARDED_BY(mutex_) = kNever;
  std::size_t wakeups_under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_DISPATCHER_H_
