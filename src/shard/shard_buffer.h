// The state machine of one shard. The machine decides which requests pass, which are held, and when
// held requests are released.
//
// A ShardBuffer runs no thread, calls no foreign code and reads no clock. The caller tells the
// time, the shard decides under its mutex, and an Effects says what is left to be done. So a test
// can drive a shard as plain data.
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

// What all shards of a Buffer share. `owner` owns the context and the shards.
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
  bool failed = false;  // a failover made the request fail
  bool cancelled = false;
  // The longest duration means that the request has no timeout.
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
  Refusal refusal = Refusal::kNoSlot;  // has a meaning if `kind` is kRefused
};

enum class RetryOutcome : std::uint8_t { kUntold, kSucceeded, kFailed };

// Functions that do not require the mutex are thread-safe. A shard lives as long as the owner in
// its context.
class ShardBuffer final : public ShardGate, public Timer {
 public:
  // A disabled shard counts in `lane` of `disabled_counters`, which must outlive the shard. For
  // other modes `disabled_counters` is null.
  ShardBuffer(const ShardContext& context, std::string_view keyspace, std::string_view shard,
              Mode mode, StripedCounters* disabled_counters, std::size_t lane);

  const std::string& keyspace() const { return keyspace_; }
  const std::string& shard() const { return shard_; }
  RefCounted& owner() const { return context_.owner; }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // Counts a request of a disabled shard, without the mutex.
  void CountDisabled() { disabled_counters_->Add(lane_); }

  // Decides about a request. If the decision is kHeld, `waiter` is in the queue, and another thread
  // may destroy `waiter` as soon as the mutex is released.
  Decision OnRequest(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // False means that every request passes.
  bool MayHold() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ && mode_ == Mode::kEnabled;
  }

  // Takes a held waiter out of the queue. A blocked thread is told kCancelled.
  void OnCancel(Waiter* waiter, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The retry of a released waiter has ended, or will never begin.
  void OnRetryEnd(Turn turn, RetryOutcome outcome, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A health report of a primary.
  void OnReport(Instant now, const TabletStats& stats, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnKeyspaceEvent(Instant now, const ShardEvent& event, MoveTablesState move_tables,
                       Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Both return false if there was nothing to do, or no memory to do it.
  bool OnStartCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OnStopCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Does what is due by `now`: the callers' own timeouts first, then the windows, then the longest
  // failover duration.
  void OnTimer(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The time at which OnTimer next has something to do; kNever if nothing is due.
  Instant NextDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Releases all held requests at once. A closed shard never holds a request again.
  void Close(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool closed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_; }
  // Needs a closed shard. Frees the slots of the retries that have not ended. The end of such a
  // retry does nothing.
  void Retire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ShardStats Stats() ABSL_LOCKS_EXCLUDED(mutex_);

  // Debug builds assert the invariants of docs/design.md that hold between two events of one shard.
  void AssertInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

#ifndef NDEBUG
  // True if *this is a ShardBuffer that lives. downcasts.h asks before it trusts a cast.
  bool IsAlive() const { return alive_mark_ == kAliveMark; }
#endif

  // The error of evicted requests that came without an error of their own.
  SharedError& eviction_error() { return eviction_error_; }

  // The registry links all shards in the order in which they became known.
  std::atomic<ShardBuffer*> next_known{nullptr};

 private:
  // Returns false if memory has run out.
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

  // The ways out of the queue. Release keeps the slot for the retry; FailAndFree frees the slot.
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

  std::uint64_t& Evicted(EvictedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counters_->requests_evicted[static_cast<std::size_t>(reason)];
  }
  std::uint64_t& Skipped(SkippedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counters_->requests_skipped[static_cast<std::size_t>(reason)];
  }

  void AssertQueueInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant. The names come first, because a look-up reads only the gate and the names.
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
