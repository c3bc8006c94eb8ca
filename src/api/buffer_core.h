// The inside of a Buffer. Its tokens and handles share the ownership of it, so it may outlive the
// Buffer.
#ifndef FAILOVER_SRC_API_BUFFER_CORE_H_
#define FAILOVER_SRC_API_BUFFER_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/lifecycle.h"
#include "api/shard_registry.h"
#include "base/mutex.h"
#include "base/ref_counted.h"
#include "base/time_source.h"
#include "failover/buffer.h"
#include "run/dispatcher.h"
#include "run/service_thread.h"
#include "shard/effects.h"
#include "shard/keyspace_shards.h"
#include "shard/shard_buffer.h"
#include "shard/slot_pool.h"

namespace failover::internal {

enum class CancelResult : std::uint8_t {
  kWon,        // the waiter will not be completed, and its slot is free
  kWonBefore,  // an earlier call has won
  kLost,       // the waiter was completed, or is being completed
};

// Brings the parts together. Every call finds its shard, and changes the shard with a ShardChange.
// The functions are spread over buffer_core.cc (shards, statistics, Poll), requests.cc, feeds.cc
// and shutdown.cc.
//
// Lock order: Cancellation, then one shard, then the dispatcher. The registry's mutex comes before
// the dispatcher's; the life cycle's and the service thread's are taken with no other held. No path
// holds two shards' mutexes.
class BufferCore final : public RefCounted, private Dispatcher::Client {
 public:
  BufferCore(BufferOptions options, KeyspaceShards keyspace_shards);

  // The two waits of Buffer.
  absl::StatusOr<RetryDoneFunc> Wait(const RequestContext& context, Cancellation* stop,
                                     ShardBuffer& shard, const absl::Status& error);
  absl::StatusOr<BufferedRequest> WaitAsync(const RequestContext& context, ShardBuffer& shard,
                                            const absl::Status& error, WaitCallback&& callback);
  // Kind::kHeld means that the waiter is completed or cancelled later, maybe before Submit returns.
  Decision Submit(const RequestContext& context, const absl::Status& error, bool cancelled,
                  Waiter* waiter);
  // Whether a request has to be submitted. Counts the request if it passes because its shard is
  // disabled.
  bool MustSubmit(ShardBuffer& shard, const absl::Status& error) const;
  absl::Status RefusalError(ShardBuffer& shard, const RequestContext& context, Refusal refusal,
                            const absl::Status& error) const noexcept;

  CancelResult Cancel(Waiter& waiter);
  void WaitWhileRunning(const Waiter& waiter) { dispatcher_.WaitWhileRunning(&waiter); }
  void EndRetry(ShardBuffer& shard, Turn turn, RetryOutcome outcome);

  bool IsFailover(const absl::Status& error) const;
  Instant Now() const noexcept override { return time_.Now(); }

  // Returns kInvalidArgument for a bad name, and nullptr (inert) if the shard is not known and
  // cannot be made known. A request that failed for another reason than a failover makes no shard
  // known.
  absl::StatusOr<ShardBuffer*> ShardForRequest(std::string_view keyspace, std::string_view shard,
                                               const absl::Status& error);
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

  BufferStats Stats() const;
  void ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const;

  absl::Duration Poll();
  void Shutdown();
  // What the destructor of the Buffer does: shuts down, waits for the callers, and gives up the
  // Buffer's reference. Inside a callback the last two are left to DestroyAfterLastTurn.
  void Destroy();

 private:
  friend class ShardChange;

  ~BufferCore() override = default;

  std::unique_ptr<ShardBuffer> MakeShard(std::string_view keyspace, std::string_view shard,
                                         StripedCounters* counters, std::size_t lane);
  ShardBuffer* MakeKnown(std::string_view keyspace, std::string_view shard);
  static bool MayHold(ShardBuffer& shard);
  static bool IsName(std::string_view name);
  static absl::Status NameError(std::string_view keyspace, std::string_view shard);

  // The last step of a ShardChange, under no lock: wakes the released threads and the poller, and
  // logs. `make_cause` is as in LogEffects.
  void Finish(ShardBuffer& shard, Effects* effects, absl::FunctionRef<std::string()> make_cause);
  // Wakes the service thread, or calls BufferOptions::wakeup. It is noexcept because an exception
  // of the embedder's function would leave a request behind that is held, but that its caller gave
  // up.
  void WakePoller() noexcept;

  void OnTimer(ShardBuffer& shard, Instant now) override;
  absl::Duration PollOnServiceThread();

  // Takes the steps that the life cycle gives to the thread that reports `event`. Returns true if a
  // callback that ran in one of the steps destroyed the Buffer. Then DestroyAfterLastTurn must
  // follow.
  bool TakeSteps(LifecycleEvent event);
  void CloseShards();
  // Returns the same as TakeSteps.
  bool FinishShutdown();
  // Ends a Buffer that a callback destroyed. Called by the thread that ran the callback, after the
  // turn of polling is over, and when that thread does not count as a Caller any more.
  void DestroyAfterLastTurn();

  bool manual() const { return options_.threading == Threading::kManual; }

  // Constant.
  const BufferOptions options_;
  const KeyspaceShards keyspace_shards_;
  const TimeSource time_;

  // With their own synchronisation.
  SlotPool pool_;
  const ShardContext shard_context_;
  ShardRegistry registry_;
  Dispatcher dispatcher_;
  std::atomic<std::uint64_t> refused_shards_{0};
  Lifecycle lifecycle_;

  // nullptr in kManual, and if nothing is ever held. It is the last member, because its thread uses
  // all the others.
  std::unique_ptr<ServiceThread> service_thread_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_BUFFER_CORE_H_
