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
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "failover/attempt.h"
#include "failover/health_check.h"
#include "failover/internal/instant.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/internal/shard_gate.h"
#include "failover/internal/ticket.h"
#include "failover/internal/waiter.h"
#include "failover/stats.h"
#include "failover/switchover_options.h"
#include "failover/work.h"
#include "shard/buffer_error.h"
#include "shard/effects.h"
#include "shard/hold.h"
#include "shard/keyspace_shards.h"
#include "shard/known_primary.h"
#include "shard/next_step.h"
#include "shard/request.h"
#include "shard/shard_activity.h"
#include "shard/shard_context.h"
#include "shard/slot_pool.h"
#include "shard/switchover_run.h"
#include "shard/transition_queue.h"

namespace failover::internal {

// Functions that do not require the mutex are thread-safe. A shard lives as long as the owner in
// its context.
class ShardBuffer final : public ShardGate, public Timer {
 public:
  // The shard follows context.terms[terms_index]. A disabled shard counts in `lane`, whose counters
  // must outlive the shard. For other modes `lane` has no counters.
  ShardBuffer(const ShardContext& context, std::string_view keyspace, std::string_view shard,
              Mode mode, const DisabledLane& lane, std::uint8_t terms_index);

  const std::string& keyspace() const { return keyspace_; }
  const std::string& shard() const { return shard_; }
  RefCounted& owner() const { return context_.owner; }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // Counts a request of a disabled shard, without the mutex.
  void CountDisabled() { disabled_counters_->Add(lane_); }

  // For Buffer::Reconfigure. Makes room, so that FollowTerms cannot fail. May throw bad_alloc.
  void ReserveTerms() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the shard must be given counters before it can be disabled.
  bool LacksDisabledLane() const { return disabled_counters_ == nullptr; }
  // The first step: the shard decides by the other terms and mode, and lets nobody go. Returns
  // whether `lane` was taken.
  bool FollowTerms(Instant now, std::uint8_t terms_index, Mode mode, const DisabledLane& lane)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The second step: does what follows. A shard that stopped to buffer drains what it held.
  void OnNewTerms(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const ShardTerms& terms() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return context_.terms[terms_index_];
  }

  // Decides about a request. If the decision is kHeld, `waiter` is in the queue, and another thread
  // may destroy `waiter` as soon as the mutex is released. If the request comes back, its retry has
  // ended, whatever the decision is.
  Decision OnRequest(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  using ShardGate::EnsureWorkCount;

  // False means that every request passes.
  bool MayHold() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ && mode_ == Mode::kEnabled;
  }

  // For a request that cannot be submitted for want of memory. True means that the shard holds no
  // request, so this one passes, and `waiter` counts its work.
  bool PassesUnheld(Work work, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (MayHold()) return false;
    Pass(work, waiter);
    return true;
  }

  // Takes a held waiter out of the queue. It is told nothing, so it must not block a thread.
  void OnCancel(Instant now, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the wait of a held waiter with kCancelled.
  void OnCancellation(Instant now, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A failover refused a request that cannot be repeated. Nothing is held.
  void OnRefusalNoted(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An error passed that no failover caused.
  void OnErrorSlippedPast(int code) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The retry of a released waiter has ended, or will never begin. Attempt::kNone means that nobody
  // told how the retry ended.
  void OnRetryEnd(Instant now, const Ticket& ticket, Attempt outcome, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The ticket of a waiter that was released.
  Ticket TicketOf(const Waiter& waiter);

  // A health report of a primary. `observed` says when its state was observed.
  void OnReport(Instant now, const TabletStats& stats, Observed observed, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnKeyspaceEvent(Instant now, const ShardEvent& event, MoveTablesState move_tables,
                       Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Both return false if there was nothing to do, or no memory to do it.
  bool OnStartCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OnStopCommand(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Planned switchovers. OnBeginSwitchover returns the switchover that began, or why none did.
  enum class BeginRefusal : std::uint8_t { kNone, kShutDown, kDoesNotBuffer, kNotIdle, kNoMemory };
  struct Begun {
    BeginRefusal refusal = BeginRefusal::kNone;
    std::shared_ptr<SwitchoverRun> run;
  };
  Begun OnBeginSwitchover(Instant now, const SwitchoverTerms& wanted, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // nullopt means that the switchover is committed now. Otherwise returns how it ended before.
  std::optional<SwitchoverEnd> OnCommit(Instant now, SwitchoverRun& run, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns false if the switchover ended before.
  bool OnAbort(Instant now, SwitchoverRun& run, SwitchoverEnd end, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True means that the waiter is delivered later. Otherwise its quiet_end says how the wait ended.
  bool OnQuietWait(Instant now, SwitchoverRun& run, std::chrono::nanoseconds timeout,
                   bool blocks_poller, QuietWaiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes a held waiter out. It is told nothing, so it must not block a thread.
  void OnCancelQuietWait(QuietWaiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counted work may have ended.
  void LookForQuiet(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends counted work under the mutex.
  void OnWorkEnd(Work work, std::uint8_t stripe, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  WorkInFlight InFlight() const;

  // Does what is due by `now`: the callers' own timeouts first, then the end of a planned
  // switchover, the windows, the overdue retries, the probe, and the end of the hold.
  void OnTimer(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The time at which OnTimer next has something to do; kNever if nothing is due.
  Instant NextDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Since when the request that is held for the longest time is held; kNever if none is held.
  Instant HeldSince() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (activity_ == nullptr || activity_->queue.empty()) return kNever;
    return HeldSince(*activity_->queue.front());
  }

  // Releases all held requests at once. A closed shard never holds a request again.
  void Close(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool closed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_; }
  // Needs a closed shard. Frees the slots of the retries that have not ended. The end of such a
  // retry does nothing.
  void Retire(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The changes that BufferOptions::on_transition has not been told. Effects::transitions says that
  // the calling thread must tell them.
  bool NextTransition(StateChange* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return transitions_->Next(change);
  }

  // `epoch` is what the Buffer's clock calls Instant().
  ShardStats Stats(absl::Time epoch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Debug builds assert the invariants of docs/design.md that hold between two events of one shard.
  void AssertInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

#ifndef NDEBUG
  // True if *this is a ShardBuffer that lives. downcasts.h asks before it trusts a cast.
  bool IsAlive() const { return alive_mark_ == kAliveMark; }
#endif

  // The error of evicted requests that came without an error of their own.
  SharedError& eviction_error() { return eviction_error_; }

 private:
  using Activity = ShardActivity;

  // Returns false if memory has run out.
  bool EnsureActivity() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The time of the event that begins. Retries that are overdue by then count no more. What the
  // event means is decided before GoOn lets the next request go in their place.
  Instant Advance(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the hold of a shard that has stopped to buffer.
  void StopForTerms(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A switchover that has missed what passed ends before anything else happens to it, so that no
  // event lets it succeed.
  void EndMissedSwitchover(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (must_stop_ && IsSwitching()) StopForTerms(now, effects);
  }
  void ReserveTurns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The window of newcomers. A planned switchover keeps the window that it began with, so that
  // nobody who joins it leaves before its hold_timeout.
  std::chrono::nanoseconds Window() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return IsSwitching() ? activity_->switchover->window() : terms().window;
  }
  // Requests that came until now keep the window `before`. This function allocates nothing, because
  // ReserveTerms made the room when the options changed.
  void KeepWindow(std::chrono::nanoseconds before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends each event after Advance: lets go whom the drain may let go.
  void GoOn(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (state_ == State::kDraining) Drain(now, effects);
  }
  Instant Monotonic(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::uint64_t NextEvent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ++event_; }
  bool IsMissed(Instant now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsLatched() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return activity_ != nullptr && activity_->guard.latched();
  }
  void NoteHealth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (activity_ != nullptr) activity_->guard.OnHealth();
  }

  // Decides about a request that is new.
  Decision Decide(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The request passes, and its work is counted.
  Decision Pass(Work work, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountWork(Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool IsSwitching() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return activity_ != nullptr && activity_->switchover != nullptr;
  }
  bool PassesInSwitchover(Work work) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a report that says so ends the hold. True if no switchover is under way.
  bool SwitchoverEndsBy(StopReason reason) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!IsSwitching()) return true;
    const SwitchoverRun& run = *activity_->switchover;
    return run.EndsBy(reason, run.IsAnother(primary_.believed()));
  }
  void HoldAll(bool overdue, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the switchover, and not its hold.
  void EndSwitchover(SwitchoverEnd end, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndSwitchoverBecause(StopReason reason, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the hold of a switchover that was called off.
  void StopSwitchover(StopReason reason, Instant now, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnSwitchoverTimer(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TimeOutQuietWaits(Instant now, SwitchoverRun& run, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndQuietWait(SwitchoverRun& run, Waiter* waiter, const QuietEnd& end, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Instant SwitchoverDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Holds: whether one begins, and what ends it.
  struct Beginning {
    HoldCause cause;
    bool may_probe = false;
    // A request passes if no hold begins, and counts as skipped.
    bool by_request = false;
  };
  bool MayBegin() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TryStart(Instant now, const Beginning& beginning, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Start(Instant now, HoldCause cause, bool on_suspicion, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LogSkip(Instant now, const StartGuard::Judgement& judgement, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `new_connections` means that connections of before may lead to an old primary.
  bool Stop(StopReason reason, Instant now, bool new_connections, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountFailover(StopReason reason, Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLongHold(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnPrimaryNews(News news, Instant now, Observed observed, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteReport(News news, const TabletStats& stats) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Retries that come back or end.
  Decision OnReturn(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HoldsAgain(Instant now, const Request& request, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Refusal> ReserveAgain(Instant now, const Request& request, Instant deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EndTurn(const Ticket& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRefusedRetry(Instant now, const Ticket& ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnSuccess(Instant now, const Ticket& ticket, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The drain and the probe. FinishDrain returns whether the drain was over.
  void Drain(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FinishDrain(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleaseInDrain(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireTurns(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool DrainWaits() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ && activity_->drain_waits_until != kLongAgo && primary_.IsMissed();
  }
  void FailAllAsMissing(Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Instant ProbeDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LetProbeGo(Instant now, Effects* effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The way into the queue. JoinsDrain decides about a failed request in Draining.
  bool JoinsDrain(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Decision HoldNew(Instant now, const Request& request, Waiter* waiter, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Refusal> ReserveRoom(bool has_deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Refusal> MakeRoom(std::size_t bytes, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SlotAnswer TakeSlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(const Request& request, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The ways out of the queue. Release keeps the slot for the retry; FailAndFree frees the slot.
  void Release(Waiter* waiter, std::optional<StopReason> by, Turn turn, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAndFree(Waiter* waiter, BufferErrorReason error, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts for how long the waiter was held, until the time of the current event.
  void Dequeue(Waiter* waiter, WayOut way) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When the waiter was first held.
  Instant HeldSince(const Waiter& waiter) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiter.window_end - activity_->queue.WindowOf(waiter, Window());
  }
  void Deliver(Waiter* waiter, const WaitEnd& end, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetState(State state, std::string_view why, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  HoldBudgetStats BudgetStats(absl::Time epoch) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::uint64_t& Evicted(EvictedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return activity_->counters.requests_evicted[static_cast<std::size_t>(reason)];
  }
  std::uint64_t& Skipped(SkippedReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return activity_->counters.requests_skipped[static_cast<std::size_t>(reason)];
  }

  void AssertQueueInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // These four fill the gap behind the bases. The lane is written with disabled_counters_.
  std::uint8_t lane_;
  std::uint8_t terms_index_ ABSL_GUARDED_BY(mutex_);
  Mode mode_ ABSL_GUARDED_BY(mutex_);
  // The shard held when it stopped to buffer, and OnNewTerms has not ended the hold yet.
  bool must_stop_ ABSL_GUARDED_BY(mutex_) = false;

  // Constant. The names come early, because a look-up reads only the gate and the names.
  const std::string keyspace_;
  const std::string shard_;
  const ShardContext& context_;
  // Written once: by the constructor, or by FollowTerms before the gate says that the shard is
  // disabled.
  StripedCounters* disabled_counters_;

  // With its own synchronisation.
  Mutex mutex_;
  SharedError eviction_error_;

  // Guarded by mutex_.
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool retired_ ABSL_GUARDED_BY(mutex_) = false;
  StopReason drain_reason_ ABSL_GUARDED_BY(mutex_) = StopReason::kNewPrimarySeen;
  std::uint32_t last_arrival_ ABSL_GUARDED_BY(mutex_) = 0;

  Instant last_now_ ABSL_GUARDED_BY(mutex_) = kLongAgo;
  // Events are numbered, so that two of the same moment have an order: what let a retry go, the
  // last end of a hold, the last report of a primary that is down, and the last retry that was
  // refused.
  std::uint64_t event_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_down_ ABSL_GUARDED_BY(mutex_) = 0;

  KnownPrimary primary_ ABSL_GUARDED_BY(mutex_);

  // More than half of what a shard needs, so it is made when the first failover begins or is
  // refused.
  std::unique_ptr<Activity> activity_ ABSL_GUARDED_BY(mutex_);
  // nullptr if nobody is told of transitions.
  const std::unique_ptr<TransitionQueue> transitions_ ABSL_PT_GUARDED_BY(mutex_);

#ifndef NDEBUG
  static constexpr std::uint32_t kAliveMark = 0x5BA4DB0F;
  const std::uint32_t alive_mark_ = kAliveMark;
#endif

 public:
  // The registry links all shards in the order in which they became known.
  std::atomic<ShardBuffer*> next_known{nullptr};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_SHARD_BUFFER_H_
