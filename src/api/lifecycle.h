// The life of a Buffer as a state machine: who closes it, who waits, and who frees it.
#ifndef FAILOVER_SRC_API_LIFECYCLE_H_
#define FAILOVER_SRC_API_LIFECYCLE_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/ref_counted.h"
#include "shard/slot_pool.h"

namespace failover::internal {

enum class LifecycleState : std::uint8_t {
  kOpen,       // requests are held
  kClosing,    // one thread closes the shards, and releases what they hold
  kClosed,     // every shard is closed, and no thread has begun to finish the shutdown
  kFinishing,  // one thread sees to it that callbacks run and retries end
  kShutDown,   // nothing runs any more, and nothing begins
  kDestroyed,  // the destructor runs, and only waits for the callers that are still inside
};

enum class LifecycleEvent : std::uint8_t {
  kShutdown,            // Shutdown was called
  kShutdownInCallback,  // Shutdown or the destructor was called inside a callback
  kBegin,               // BeginShutdown was called
  kPolled,              // the thread that polls goes on with a shutdown that BeginShutdown began
  kLastTurn,      // a callback destroyed the Buffer, and the turn of polling that ran it is over
  kDestruction,   // the destructor was called, or it goes on after the last turn
  kShardsClosed,  // the thread that closes the shards is done
  kFinished,      // the thread that finishes the shutdown is done
};

// What the thread that reports an event does next.
enum class LifecycleStep : std::uint8_t {
  kReturn,      // nothing
  kWait,        // wait until the state changes, then report the event again
  kClose,       // close the shards, report kShardsClosed, then report the event again
  kFinish,      // finish the shutdown, report kFinished, then report the event again
  kDestroy,     // wait for the callers, and give up the Buffer's reference
  kImpossible,  // the event cannot happen in this state
};

struct LifecycleTransition {
  LifecycleState next;
  LifecycleStep step;
};

// The whole state machine.
LifecycleTransition NextTransition(LifecycleState state, LifecycleEvent event);

// Where one Buffer is in its life, and which callers are inside.
//
// Thread-safe. Its mutex is taken with no other mutex held.
class Lifecycle {
 public:
  class Caller;

  // `owner` is what a Caller keeps alive; it owns *this.
  explicit Lifecycle(RefCounted& owner) : owner_(owner) {}

  // Moves to the next state, waits as long as the step is kWait, and returns the step to take.
  LifecycleStep Advance(LifecycleEvent event) ABSL_LOCKS_EXCLUDED(mutex_);

  // True from the moment at which no call may use what the embedder gave to the Buffer, unless the
  // call is a Caller that began before. Sequentially consistent, as Caller needs.
  bool HasShutDown() const { return state_.load() >= LifecycleState::kShutDown; }

  // Wakes AwaitSlots. To be called after a slot was given back under the mutex of a closed shard.
  void NoticeFreeSlot() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once all slots of the pool are free, or at the deadline.
  void AwaitSlots(const SlotPool& pool, std::chrono::steady_clock::time_point deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes AwaitSlots return at once, now and later.
  void EndGrace() ABSL_LOCKS_EXCLUDED(mutex_);

  // After kDestroy: returns once no Caller is left.
  void AwaitCallers() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  RefCounted& owner_;

  // With their own synchronisation. The state is written under mutex_, and a Caller reads it
  // without.
  std::atomic<LifecycleState> state_{LifecycleState::kOpen};
  std::atomic<std::int64_t> callers_{0};

  Mutex mutex_;
  bool grace_ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Signalled when the state changes, when the grace ends, when a slot is given back after the
  // shards were closed, and when the last caller leaves a Buffer that is being destroyed.
  CondVar changed_;
};

// A call that may block, or that has something left to do after it released a shard's mutex. The
// destructor of the Buffer waits for it, and the owner lives at least as long as it does.
class Lifecycle::Caller {
 public:
  explicit Caller(Lifecycle& lifecycle) : lifecycle_(lifecycle) {
    lifecycle_.owner_.Ref();
    lifecycle_.callers_.fetch_add(1);
  }
  // The count and the state are sequentially consistent. The destructor of the Buffer first writes
  // the state and then reads the count, and a caller does it the other way around. So one of the
  // two sees what the other wrote.
  ~Caller() {
    if (lifecycle_.callers_.fetch_sub(1) == 1 &&
        lifecycle_.state_.load() == LifecycleState::kDestroyed) {
      const MutexLock lock(lifecycle_.mutex_);
      lifecycle_.changed_.NotifyAll();
    }
    lifecycle_.owner_.Unref();
  }

  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

 private:
  Lifecycle& lifecycle_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_LIFECYCLE_H_
