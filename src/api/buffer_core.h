// The inside of a Buffer: what its tokens and handles share with it, and what may outlive it.
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
  kWonBefore,  // by an earlier call
  kLost,       // it was completed, or is being so
};

// Brings the parts together: every call classifies, finds the shard, lets it decide under its
// mutex, hands what follows to the dispatcher, and does the rest under no lock.
//
// Lock order: Cancellation, then one shard, then the dispatcher. The registry's mutex comes before
// the dispatcher's; the life cycle's and the service thread's are taken with no other held. No path
// holds two shards' mutexes.
class BufferCore final : public RefCounted, private Dispatcher::Client {
 public:
  BufferCore(BufferOptions options, KeyspaceShards keyspace_shards);

  // The waits, as in Buffer.
  absl::StatusOr<RetryDoneFunc> Wait(const RequestContext& context, Cancellation* stop,
                                     ShardBuffer& shard, const absl::Status& error);
  absl::StatusOr<BufferedRequest> WaitAsync(const RequestContext& context, ShardBuffer& shard,
                                            const absl::Status& error, WaitCallback&& callback);
  // Kind::kHeld: the waiter is completed or cancelled later, maybe before this returns.
  Decision Submit(const RequestContext& context, const absl::Status& error, bool cancelled,
                  Waiter* waiter);
  // Whether a request has to be submitted. Counts it if it passes because its shard is disabled.
  bool MustSubmit(ShardBuffer& shard, const absl::Status& error) const;
  absl::Status RefusalError(ShardBuffer& shard, const RequestContext& context, Refusal refusal,
                            const absl::Status& error) const noexcept;

  CancelResult Cancel(Waiter& waiter);
  void WaitWhileRunning(const Waiter& waiter) { dispatcher_.WaitWhileRunning(&waiter); }
  void EndRetry(ShardBuffer& shard, Turn turn, RetryOutcome outcome);

  bool IsFailover(const absl::Status& error) const;
  Instant Now() const noexcept override { return time_.Now(); }

  // kInvalidArgument for a bad name. Null (inert) if the shard is not known and cannot be made
  // known. One that failed for another reason than a failover makes no shard known.
  absl::StatusOr<ShardBuffer*> ShardForRequest(std::string_view keyspace, std::string_view shard,
                                               const absl::Status& error);
  // Null for a bad name too.
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
  // The destructor of the Buffer: shuts down, waits for the callers, gives up the reference.
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

  // The last step of a ShardChange, under no lock: wakes the threads and whoever polls, and logs.
  // `make_cause` as in LogEffects.
  void Finish(ShardBuffer& shard, Effects* effects, absl::FunctionRef<std::string()> make_cause);
  // noexcept: an exception of the embedder's would leave a held request behind that its caller gave
  // up.
  void WakePoller() noexcept;

  void OnTimer(ShardBuffer& shard, Instant now) override;
  absl::Duration PollOnServiceThread();

  // Takes the steps that the life cycle gives to the thread that reports `event`. True: a callback
  // that ran in one of them destroyed the Buffer, and DestroyAfterLastTurn must follow.
  bool TakeSteps(LifecycleEvent event);
  void CloseShards();
  // True: as TakeSteps.
  bool FinishShutdown();
  // The end of a Buffer that a callback destroyed, on the thread that ran the callback. That thread
  // must not count as a caller any more.
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

  // Null in kManual and if nothing is ever held. Last: its thread uses all of the above.
  std::unique_ptr<ServiceThread> service_thread_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_BUFFER_CORE_H_
