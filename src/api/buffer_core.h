// The inside of a Buffer. Its tokens and handles share the ownership of it, so it may outlive the
// Buffer.
#ifndef FAILOVER_SRC_API_BUFFER_CORE_H_
#define FAILOVER_SRC_API_BUFFER_CORE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/lifecycle.h"
#include "api/poll_watch.h"
#include "api/shard_registry.h"
#include "api/shutdown_steps.h"
#include "api/transition_feed.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/ref_counted.h"
#include "base/time_source.h"
#include "failover/budget.h"
#include "failover/buffer.h"
#include "failover/inbox.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/switchover.h"
#include "failover/transition.h"
#include "run/dispatcher.h"
#include "run/service_thread.h"
#include "shard/effects.h"
#include "shard/keyspace_shards.h"
#include "shard/shard_buffer.h"
#include "shard/slot_pool.h"

namespace failover::internal {

class InboxCore;
class Parking;
class ThreadWaiter;

enum class CancelResult : std::uint8_t {
  kWon,        // the waiter will not be completed, and its slot is free
  kWonBefore,  // an earlier call has won
  kLost,       // the waiter was completed, or is being completed
};

// Brings the parts together. Every call finds its shard, and changes the shard with a ShardChange.
// The functions are spread over buffer_core.cc (shards, statistics, Poll), requests.cc, feeds.cc,
// switchovers.cc and shutdown.cc.
//
// Lock order: Cancellation, then one shard, then an inbox or the dispatcher. The mutex of
// Reconfigure comes before the registry's and before a shard's. The registry's mutex comes before
// the dispatcher's; the life cycle's and the service thread's are taken with no other held. No path
// holds two shards' mutexes.
class BufferCore final : public RefCounted, private Dispatcher::Client {
 public:
  BufferCore(const BufferOptions& options, KeyspaceShards keyspace_shards);

  // The Buffer that the shard belongs to.
  static BufferCore& Of(ShardBuffer& shard);

  // The two waits of Buffer. `traits` comes from TraitsToSubmit.
  absl::StatusOr<RetryDoneFunc> Wait(const RequestContext& context, Cancellation* stop,
                                     ShardBuffer& shard, RequestTraits traits,
                                     const AttemptView& last);
  // Sets *request, which must be empty, before the callback can run. *request stays empty if the
  // request is not held.
  absl::Status WaitAsync(const RequestContext& context, ShardBuffer& shard, const AttemptView& last,
                         WaitCallback&& callback, BufferedRequest* request);
  // The wait of failover/block_on.h (BufferAccess::WaitOn).
  absl::StatusOr<RetryDoneFunc> WaitOn(const RequestContext& context, ShardBuffer& shard,
                                       const AttemptView& last, absl::FunctionRef<void()> post,
                                       absl::FunctionRef<void()> wait);
  // What a shard must know of a request that has to be submitted; nullopt if the request passes. A
  // token of `last` that does not come back to this shard is ended. Counts the request if it passes
  // because its shard is disabled, or because no failover caused its error.
  // If the request passes and is counted, *work counts it.
  std::optional<RequestTraits> TraitsToSubmit(ShardBuffer& shard, const RequestContext& context,
                                              const AttemptView& last, WorkToken* work);
  // Kind::kHeld means that the waiter is completed or cancelled later, maybe before Submit returns.
  // `stop` may be nullptr, and cancels as context.cancellation does. Takes the token of `last`.
  Decision Submit(const RequestContext& context, RequestTraits traits, const AttemptView& last,
                  const Cancellation* stop, Waiter* waiter);
  // As ShardBuffer::PassesUnheld.
  static bool PassesUnheld(ShardBuffer& shard, Work work, Waiter* waiter);
  absl::Status RefusalError(ShardBuffer& shard, const RequestContext& context, Refusal refusal,
                            const AttemptView& last) const noexcept;
  void NoteRefused(ShardBuffer& shard, std::string_view why);
  // A handle was used that names no shard. Logged once.
  void NoteInertHandle() noexcept;

  // Blocks until the wait of a held waiter has ended. `parking` is what the waiter unparks.
  void Block(ShardBuffer& shard, const Waiter& waiter, Parking& parking);
  // The error of a blocking wait that is refused because the calling thread polls. Logged once.
  absl::Status PollerBlockedError(ShardBuffer& shard) noexcept;

  CancelResult Cancel(Waiter& waiter);
  // If the waiter is held, its wait ends with kCancelled. Returns whether that is so.
  bool CancelAndComplete(Waiter& waiter);
  // What a Cancellation does to a waiter that is registered with it: if the waiter is held, its
  // wait ends with kCancelled. `lock` is a lock of the Cancellation's mutex, and is released.
  void CancelIfHeld(Waiter& waiter, std::unique_lock<std::mutex> lock);
  // Returns once the callback of the waiter does not run any more. In the places where it would run
  // it returns at once.
  void WaitWhileRunning(const Waiter& waiter);
  // A step of ~Inbox: cancels the first member of the inbox, if it is of this shard.
  void CancelFirstOf(InboxCore& inbox, ShardBuffer& shard);
  static InboxCore* CoreOf(const Inbox* inbox);
  // Harmless after the Buffer is gone.
  void EndRetry(const Ticket& ticket, Attempt outcome);
  // As AttemptOf, but harmless after the Buffer is gone, when its classifier may be gone, too.
  Attempt AttemptOfLateCall(const absl::Status& outcome);

  bool IsFailover(const absl::Status& error) const { return RefusedByFailover(error).has_value(); }
  // How the attempt ended, as the classifier says.
  Attempt AttemptOf(const absl::Status& status) const;
  Instant Now() const noexcept override { return time_.Now(); }

  // Returns kInvalidArgument for a bad name, and nullptr (inert) if the shard is not known and
  // cannot be made known. A request that failed for another reason than a failover makes no shard
  // known.
  absl::StatusOr<ShardBuffer*> ShardForRequest(std::string_view keyspace, std::string_view shard,
                                               const AttemptView& last);
  // As ShardForRequest, but for feeds and for GetShard: nullptr for a bad name, too. May throw
  // std::bad_alloc.
  ShardBuffer* ShardOrNull(std::string_view keyspace, std::string_view shard);
  ShardBuffer* FindShard(std::string_view keyspace, std::string_view shard) const {
    return registry_.Find(keyspace, shard);
  }

  void OnReport(const TabletStats& stats);
  void OnKeyspaceEvent(const KeyspaceEvent& event);
  bool StartBuffering(ShardBuffer& shard, std::string_view reason);
  bool StopBuffering(ShardBuffer& shard);

  // Planned switchovers. They may be called after the Buffer is gone, but for BeginSwitchover.
  absl::StatusOr<Switchover> BeginSwitchover(ShardBuffer& shard, const SwitchoverOptions& options);
  static SwitchoverProgress ProgressOf(ShardBuffer& shard, const SwitchoverRun& run);
  absl::Status CommitSwitchover(ShardBuffer& shard, SwitchoverRun& run);
  bool AbortSwitchover(ShardBuffer& shard, SwitchoverRun& run);
  absl::StatusOr<WorkInFlight> WaitUntilQuiet(ShardBuffer& shard, SwitchoverRun& run,
                                              absl::Duration timeout);
  absl::Status WaitUntilQuietAsync(ShardBuffer& shard, SwitchoverRun& run, absl::Duration timeout,
                                   QuietCallback&& callback);
  // As BufferAccess::AwaitQuiet.
  bool AwaitQuiet(SwitchoverRun& run, absl::Duration timeout, QuietWaiter* waiter);
  void CancelQuiet(QuietWaiter& waiter);
  // Counted work has ended while a switchover waits for it.
  void LookForQuiet(ShardBuffer& shard);

  BufferStats Stats() const;
  // Reads no clock, because the embedder's clock may ask for the statistics.
  ShardStats StatsOf(ShardBuffer& shard) const { return shard.Stats(time_.ToTime(Instant())); }
  absl::Time ClockTime() const noexcept { return time_.ToTime(time_.Now()); }
  void ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const;

  // `keyspace_shards` is the list of `options`, which are valid. May throw std::bad_alloc, or
  // std::system_error if the service thread cannot be started, and has then changed nothing.
  absl::Status Reconfigure(const BufferOptions& options, KeyspaceShards keyspace_shards);
  BufferOptions Options() const;

  absl::Duration Poll();
  void Shutdown();
  void BeginShutdown(const std::function<void()>& done);
  // What the destructor of the Buffer does: shuts down, waits for the callers, and gives up the
  // Buffer's reference. Inside a callback the last two are left to DestroyAfterLastTurn.
  void Destroy();

 private:
  friend class ShardChange;

  // What the embedder gave to Create, and what never changes.
  struct Fixed {
    Threading threading;
    Clock* clock;
    std::function<void()> wakeup;
    std::function<bool(const absl::Status&)> caused_by_failover;
    std::function<void(const Transition&)> on_transition;
    LogFunction log;
    std::shared_ptr<Budget> budget;
  };
  // The options that may change. The functions of `options` are empty, so that no foreign code runs
  // when the options are copied under a mutex.
  struct Settings {
    BufferOptions options;
    KeyspaceShards keyspace_shards;

    Mode ModeOf(std::string_view keyspace, std::string_view shard) const noexcept {
      return keyspace_shards.ModeOf(options, keyspace, shard);
    }
  };

  // The service thread uses all other members, so it ends first.
  ~BufferCore() override { delete service_thread_.load(); }

  // What a failover made a server refuse, as the classifier says; nullopt if no failover did.
  std::optional<RefusedAt> RefusedByFailover(const absl::Status& error) const;
  // How far the attempt got before a failover refused it, and kNot if no failover did. With a
  // shard, it ends a token that does not come back to the shard, and counts an error that passes.
  Refused RefusedAs(const AttemptView& last) const;
  Refused RefusedAs(ShardBuffer& shard, const AttemptView& last);
  void EndUnlessComesBack(const ShardBuffer& shard, Refused refused, const AttemptView& last) const;

  std::unique_ptr<ShardBuffer> MakeShard(std::string_view keyspace, std::string_view shard,
                                         const DisabledLane& lane);
  ShardBuffer* MakeKnown(std::string_view keyspace, std::string_view shard);
  static bool IsName(std::string_view name);
  static absl::Status NameError(std::string_view keyspace, std::string_view shard);

  // The last step of a ShardChange, under no lock: wakes the released threads and the poller, and
  // logs. `make_cause` is as in LogEffects.
  // `terms` are those by which the shard decided. They are engaged if there is something to log.
  void Finish(ShardBuffer& shard, Effects* effects, const std::optional<ShardTerms>& terms,
              absl::FunctionRef<std::string()> make_cause);
  // Tells BufferOptions::on_transition of the changes of the shard that nobody was told of.
  void DeliverTransitions(ShardBuffer& shard) noexcept;
  // The time at which a retry ends. The callbacks of one turn of polling share a reading of the
  // clock, and so do those of one poll of an inbox. nullopt after a shutdown, when the embedder's
  // clock may be gone.
  std::optional<Instant> TimeOfLateCall();
  std::optional<Instant> ReadTimeOfLateCall();
  Observed ObservedAt(const TabletStats& stats, Instant now);
  // The options that are in force, without the functions.
  BufferOptions Current() const ABSL_LOCKS_EXCLUDED(reconfigure_mutex_);
  absl::Duration ShutdownGrace() const ABSL_LOCKS_EXCLUDED(reconfigure_mutex_);
  // How long a shutdown that is finished now may wait for retries: what is left of the grace that
  // BeginShutdown began.
  absl::Duration GraceLeft() const ABSL_LOCKS_EXCLUDED(reconfigure_mutex_);
  static BufferOptions WithoutFunctions(BufferOptions options);
  static ShardTerms TermsOf(const BufferOptions& options);
  absl::Status CheckFixed(const BufferOptions& options) const;
  // The first step of Reconfigure: every shard decides by the new options. Returns false if the
  // Buffer is shut down. May throw, and has then changed nothing.
  bool Adopt(Instant now, Settings next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(reconfigure_mutex_);
  // May throw std::system_error.
  void StartThreadIfNeeded(const BufferOptions& options);

  // Wakes the service thread, or calls BufferOptions::wakeup. It is noexcept because an exception
  // of the embedder's function would leave a request behind that is held, but that its caller gave
  // up.
  void WakePoller() noexcept;

  // Warns if the shard holds a request and the embedder does not poll. Costs one load if the
  // embedder polls, or need not.
  void LookForPolls(ShardBuffer& shard, Instant now) {
    if (poll_watch_.Suspects(now)) WarnIfUnpolled(shard, now);
  }
  void WarnIfUnpolled(ShardBuffer& shard, Instant now);

  // Takes a waiter that is held or ready out, and gives its slot back. Returns false if the waiter
  // is being completed, or was.
  bool TakeOut(ShardBuffer& shard, Waiter& waiter, Instant now, Effects* effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex());

  void OnTimer(ShardBuffer& shard, Instant now) override;
  absl::Duration PollOnServiceThread();

  // Takes the steps that the life cycle gives to the thread that reports `event`. Returns true if a
  // callback that ran in one of the steps destroyed the Buffer. Then DestroyAfterLastTurn must
  // follow.
  bool TakeSteps(LifecycleEvent event);
  void EndGraceAtHome();
  void CloseShards();
  void JoinServiceThread();
  // Returns the same as TakeSteps.
  bool FinishShutdown();
  // What a turn of polling does about a shutdown that BeginShutdown began. Sets turn->last if a
  // callback that ran meanwhile destroyed the Buffer.
  void GoOnWithShutdown(PollTurn* turn);
  void WakeForShutdown() noexcept;
  // A closed shard gave a slot back.
  void NoticeFreeSlot() noexcept;
  // Ends a Buffer that a callback destroyed. Called by the thread that ran the callback, after the
  // turn of polling is over, and when that thread does not count as a Caller any more.
  void DestroyAfterLastTurn();

  bool manual() const { return fixed_.threading == Threading::kManual; }

  // Constant.
  const Fixed fixed_;
  const Logger logger_;
  const TimeSource time_;

  // One of the two settings is in force, with the terms of the same index in shard_context_. The
  // other one is written under reconfigure_mutex_ only, when no shard follows it any more. The
  // index changes under reconfigure_mutex_ and the registry's mutex, so either is enough to read
  // it, and to read what it points to.
  mutable Mutex reconfigure_mutex_;
  std::array<Settings, 2> settings_;
  std::atomic<std::uint8_t> in_force_{0};

  // With their own synchronisation.
  SlotPool pool_;
  // Relaxed: a report that comes while the options change may count by either.
  std::atomic<std::chrono::nanoseconds> unstamped_report_delay_;
  ShardContext shard_context_;
  ShardRegistry registry_;
  Dispatcher dispatcher_;
  std::atomic<std::uint64_t> refused_shards_{0};
  std::atomic<bool> inert_handle_logged_{false};
  std::atomic<bool> future_stamp_logged_{false};
  TransitionFeed transition_feed_;
  std::atomic<bool> told_blocked_poller_{false};
  PollWatch poll_watch_;
  Lifecycle lifecycle_;
  ShutdownSteps shutdown_steps_;

  // nullptr in kManual, and as long as nothing was ever held. Set once: by the constructor, or
  // under the registry's mutex before it is closed. Owned.
  std::atomic<ServiceThread*> service_thread_{nullptr};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_BUFFER_CORE_H_
