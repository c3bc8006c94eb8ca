// The state machine of one shard: who passes, who is held, who is let go and why.
//
// It runs no thread, calls nothing foreign and reads no clock: it is told the time, decides under
// its mutex, and leaves what follows in an Effects. So a test can drive it as plain data.
#ifndef FAILOVER_SRC_SHARD_SHARD_BUFFER_H_
#define FAILOVER_SRC_SHARD_SHARD_BUFFER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "base/indexed_heap.h"
#include "base/mutex.h"
#include "base/ref_counted.h"
#include "base/striped_counter.h"
#include "base/timer.h"
#include "base/waiter_list.h"
#include "failover/health_check.h"
#include "failover/internal/instant.h"
#include "failover/internal/shard_gate.h"
#include "failover/internal/waiter.h"
#include "failover/stats.h"
#include "shard/buffer_error.h"
#include "shard/effects.h"
#include "shard/keyspace_shards.h"
#include "shard/known_primary.h"
#include "shard/next_step.h"
#include "shard/slot_pool.h"

namespace failover::internal {

// What all shards of a Buffer share. It belongs to `owner`, as the shards do.
struct ShardContext {
  RefCounted& owner;
  SlotPool& pool;
  std::chrono::nanoseconds window;
  std::chrono::nanoseconds max_failover_duration;
  std::chrono::nanoseconds min_time_between_failovers;
  std::int64_t drain_concurrency;
};

// What a shard must know of a request.
struct Request {
  bool failed = false;  // because of a failover
  bool cancelled = false;
  // Longest: none.
  std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max();
  std::size_t bytes = 0;
};

enum class Refusal : std::uint8_t {
  kNoSlot,
  kNoBytes,
  kTooLarge,
  kNoMemory,
  kTimeoutOver,
  kCancelled,
};

struct Decision {
  enum class Kind : std::uint8_t { kPass, kHeld, kRefused };
  Kind kind = Kind::kPass;
  Refusal refusal = Refusal::kNoSlot;  // if kRefused
};

enum class RetryOutcome : std::uint8_t { kUntold, kSucceeded, kFailed };

// Thread-safe where no mutex is required. Lives as long as its context's owner.
class ShardBuffer final : public ShardGate, public Timer {
 public:
  // Of `disabled_counters` it uses `lane`; null unless the mode is kDisabled.
  ShardBuffer(const ShardContext& context, std::string_view keyspace, std::string_view shard,
              Mode mode, StripedCounters* disabled_counters, std::size_t lane);

  const std::string& keyspace() const { return keyspace_; }
  const std::string& shard() const { return shard_; }
  RefCounted& owner() const { return context_.owner; }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // A request of a disabled shard: counted without the mutex.
  void CountDisabled() { disabled_counters_->Add(lane_); }

  // kHeld: `waiter` is in the queue, and it may be gone as soon as the mutex is released.
  Decision OnRequest(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // False: whatever comes passes.
  bool MayHold() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ && mode_ == Mode::kEnabled;
  }

  // Takes out a waiter that is held, with kCancelled.
  void OnCancel(Waiter* waiter, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The retry of a released waiter ended, or will never begin.
  void OnRetryEnd(Turn turn, RetryOutcome outcome, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A health report of a primary.
  void OnReport(Instant now, const TabletStats& stats, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnKeyspaceEvent(Instant now, const ShardEvent& event, MoveTablesState move_tables,
                       Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // False: nothing to do (or no memory to do it).
  bool OnStartCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OnStopCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Lets go whatever is due by now: the callers' own timeouts first, then the windows, then the
  // longest failover duration.
  void OnTimer(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When OnTimer has something to do next.
  Instant NextDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // For good: releases all that is held at once, holds nothing any more.
  void Close(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool closed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_; }
  // After Close: frees the slots of the retries that have not ended; their ends do nothing then.
  void Retire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ShardStats Stats() ABSL_LOCKS_EXCLUDED(mutex_);

  // In debug builds: asserts the invariants of docs/design.md that one shard can check between two
  // events.
  void AssertInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

#ifndef NDEBUG
  // Whether *this is a ShardBuffer that lives. downcasts.h asks before it trusts a cast.
  bool IsAlive() const { return alive_mark_ == kAliveMark; }
#endif

  // What is told to an evicted request that came without an error.
  SharedError& eviction_error() { return eviction_error_; }

  // The registry's list of all shards, in the order in which they became known.
  std::atomic<ShardBuffer*> next_known{nullptr};

 private:
  // False: out of memory.
  bool EnsureCounters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayStart(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TooSoonAfter(Instant event, SkippedReason guard, Instant now, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Start(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Stop(StopReason reason, Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drain(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAllAsMissing(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountFailover(StopReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Decision Hold(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Refusal> ReserveDeadline(const Request& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Refusal> MakeRoom(std::size_t bytes, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(Instant now, const Request& request, Waiter* waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The ways out of the queue. Release keeps the slot for the retry; FailAndFree does not.
  void Release(Waiter* waiter, std::optional<StopReason> by, Turn turn, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAndFree(Waiter* waiter, BufferErrorReason error, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Dequeue(Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(Waiter* waiter, const WaitEnd& end, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void SetState(State state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Instant Monotonic(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::uint64_t& Evicted(EvictedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::uint64_t& Skipped(SkippedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void AssertQueueInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant. The names come first: with the gate they are all that a look-up reads.
  const std::string keyspace_;
  const std::string shard_;
  const ShardContext& context_;
  StripedCounters* const disabled_counters_;
  const std::uint8_t lane_;
  const Mode mode_;

  // With its own synchronisation.
  Mutex mutex_;
  SharedError eviction_error_;

  // Guarded by mutex_.
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool retired_ ABSL_GUARDED_BY(mutex_) = false;
  StopReason drain_reason_ ABSL_GUARDED_BY(mutex_) = StopReason::kNewPrimarySeen;

  WaiterList queue_ ABSL_GUARDED_BY(mutex_);
  IndexedHeap<Waiter, &Waiter::deadline, &Waiter::deadline_index> deadlines_
      ABSL_GUARDED_BY(mutex_);
  std::uint64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t retrying_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t drain_retries_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t drained_before_ ABSL_GUARDED_BY(mutex_) = 0;

  Instant last_now_ ABSL_GUARDED_BY(mutex_) = kLongAgo;
  Instant started_ ABSL_GUARDED_BY(mutex_);
  Instant last_end_ ABSL_GUARDED_BY(mutex_) = kLongAgo;
  Instant last_skip_log_ ABSL_GUARDED_BY(mutex_) = kLongAgo;

  KnownPrimary primary_ ABSL_GUARDED_BY(mutex_);

  // The counters are half of what a shard needs, so they are made when the first failover begins
  // or is refused.
  std::unique_ptr<ShardCounters> counters_ ABSL_GUARDED_BY(mutex_);

#ifndef NDEBUG
  static constexpr std::uint32_t kAliveMark = 0x5BA4DB0F;
  const std::uint32_t alive_mark_ = kAliveMark;
#endif
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SHARD_BUFFER_H_
