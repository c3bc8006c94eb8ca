// Holds requests while a shard's primary fails over, so that they succeed a moment later instead
// of failing. This is the only header that most users need.
//
//   auto buffer = failover::Buffer::Create({}).value();
//   const failover::ShardHandle shard = buffer->GetShard("commerce", "-80");
//
//   // Around each query for a primary:
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       buffer->WaitForFailoverEnd({}, shard, absl::OkStatus());
//   if (!done.ok()) return done.status();             // could not be held
//   absl::Status result = Execute(query);
//   if (buffer->IsFailover(result) && !*done) {       // each request is held at most once
//     done = buffer->WaitForFailoverEnd({}, shard, result);
//     if (!done.ok()) return done.status();
//     result = Execute(query);
//   }
//   // ~RetryDoneFunc tells the Buffer that the retry ended.
//
// failover/retry.h has this loop ready made; docs/guide/embedding.md shows it for event loops. From
// the health check, for every report:
//
//   buffer->StatsUpdate(tablet_stats);
//
// Never put through a Buffer: a statement inside a transaction, a query for a replica, a
// statement that may have been executed (a connection lost in mid-statement).
#ifndef FAILOVER_BUFFER_H_
#define FAILOVER_BUFFER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer_options.h"
#include "failover/clock.h"
#include "failover/errors.h"
#include "failover/export.h"
#include "failover/handles.h"
#include "failover/health_check.h"
#include "failover/request_context.h"
#include "failover/stats.h"

#if __cplusplus >= 202002L
#include <version>
#endif
#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

namespace failover {

namespace internal {

class BufferAccess;
class BufferCore;

}  // namespace internal

// Holds the requests of any number of shards while their primaries fail over.
//
// Per shard: Idle -> Buffering (a request failed because of a failover, or its primary was seen
// not serving) -> Draining (the failover ended; the held ones are released in order, at most
// drain_concurrency at a time) -> Idle. Requests are held first in, first out.
//
// Thread-safety: thread-safe, but for the destructor. No call runs foreign code (callbacks,
// classifier, clock, wakeup, log sinks) under a lock.
// Threads: one of its own in Threading::kServiceThread, if buffering is enabled; none in kManual.
// Lifetime: handles are valid as long as the Buffer; RetryDoneFunc and BufferedRequest may outlive
// it.
// Names: a keyspace and a shard have 1 to kMaxNameLength bytes each. With others the waiting
// calls return kInvalidArgument, GetShard an inert handle, and the feeds ignore the report.
class FAILOVER_EXPORT Buffer final : public HealthCheckStatsListener {
 public:
  // kInvalidArgument names the option that is wrong; kResourceExhausted: the service thread could
  // not be started. May throw std::bad_alloc.
  static absl::StatusOr<std::unique_ptr<Buffer>> Create(BufferOptions options);

  // Shutdown, and returns only after every blocked caller has left. Inside a callback of this
  // Buffer it is an error: it is logged, and the rest ends on its own afterwards.
  ~Buffer() override;

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Call it before each attempt of a query for a primary, with the error of the attempt before
  // (OK if there was none). Blocks while the request is held.
  //   OK, empty token:   not held, go on.
  //   OK, engaged token: was held; (re)try now, and keep the token until the retry has ended.
  //   error:             could not be held, or no longer: ReasonOf tells why.
  // Not held are: requests of an idle shard, or of one that is draining; requests with an error
  // that no failover caused; and the SkippedReasons, but for kBufferFull, which is an error.
  // In Threading::kManual another thread must call Poll, or this blocks for ever.
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   const absl::Status& error) {
    if (error.ok() && shard.Passes()) return RetryDoneFunc();
    return Wait(context, nullptr, shard, error);
  }
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context,
                                                   std::string_view keyspace,
                                                   std::string_view shard,
                                                   const absl::Status& error);
#if defined(__cpp_lib_jthread)
  // Ends with kCancelled when a stop is requested, or by context.cancellation.
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   const absl::Status& error,
                                                   const std::stop_token& stop) {
    if (error.ok() && shard.Passes()) return RetryDoneFunc();
    Cancellation stopped;
    const std::stop_callback on_stop(stop, [&stopped] { stopped.Cancel(); });
    return Wait(context, &stopped, shard, error);
  }
#endif

  // The same without blocking.
  //   OK, empty:   not held, go on; the callback was destroyed unused.
  //   OK, engaged: held; the callback runs exactly once, unless the handle cancels first: on the
  //                service thread (kManual: inside Poll or Shutdown), never inside this call.
  //   error:       could not be held; the callback was destroyed unused. (kInvalidArgument: it is
  //                empty.)
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context, ShardHandle shard,
                                                          const absl::Status& error,
                                                          WaitCallback callback) {
    if (error.ok() && shard.Passes()) return BufferedRequest();
    return WaitAsync(context, shard, error, std::move(callback));
  }
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context,
                                                          std::string_view keyspace,
                                                          std::string_view shard,
                                                          const absl::Status& error,
                                                          WaitCallback callback);

  // Feed every health report of every tablet here; what matters is picked out. A shard that is
  // not known yet becomes known. In order of weight: reports of other types than kPrimary are
  // ignored; a report that does not serve ends no failover, but if it is the known primary's, the
  // next request starts one without having failed; a serving one ends a failover if its timestamp
  // is newer than any before, or if it is the known primary's after it was seen not serving.
  void StatsUpdate(const TabletStats& stats) override;

  // Ends the failovers of the shards that the event names: kMoveTablesSwitchedTraffic if the
  // tables are switched, else kNewPrimarySeen for a serving shard and kReshardingComplete (held
  // requests fail with kShardMissing) for one that is gone. A move that is still switching ends
  // nothing.
  void HandleKeyspaceEvent(const KeyspaceEvent& event);

  // An operator or a failover tool that knows. The start guards do not apply; max_failover_duration
  // does. `reason` goes to the log. False if there was nothing to do: the handle is inert, the
  // shard is disabled, draining or already so, or the Buffer is shut down.
  bool StartBuffering(ShardHandle shard, std::string_view reason);
  bool StopBuffering(ShardHandle shard);

  // Resolve once, use for ever. The shard becomes known if it is not yet. Inert beyond max_shards,
  // for bad names, and for unknown shards after Shutdown.
  ShardHandle GetShard(std::string_view keyspace, std::string_view shard);

  // Whether the Buffer's classifier takes the error for a failover's. OK is not one.
  bool IsFailover(const absl::Status& error) const;

  // A copy of everything; each shard is copied at one moment, not all at the same.
  BufferStats Stats() const;
  // nullopt: not known.
  std::optional<ShardStats> GetShardStats(std::string_view keyspace, std::string_view shard) const;
  // For scrapers: copies one shard at a time. The visitor is not called under a lock.
  void ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const;

  // Releases all that is held, at once, for a retry; runs the callbacks; waits for the retries to
  // end, at most shutdown_grace (kManual: not at all). After it returned: no thread, no callback,
  // no new buffering, ever; requests pass, and tokens and handles are harmless. Idempotent; a
  // concurrent call waits for the first. Inside a callback it does not wait: the rest runs
  // afterwards, and the next Shutdown (or the destructor) waits for it.
  void Shutdown();

  // Threading::kManual only: runs what is due, callbacks included, and returns how long nothing
  // will be due (zero: call again at once; infinite: nothing is waiting). One caller at a time: a
  // concurrent call, one from inside a callback, and one in Threading::kServiceThread do nothing
  // and return infinite. Harmless after Shutdown.
  absl::Duration Poll();

 private:
  friend class internal::BufferAccess;

  explicit Buffer(internal::BufferCore* core) : core_(core) {}

  absl::StatusOr<RetryDoneFunc> Wait(const RequestContext& context, Cancellation* stop,
                                     ShardHandle shard, const absl::Status& error);
  absl::StatusOr<BufferedRequest> WaitAsync(const RequestContext& context, ShardHandle shard,
                                            const absl::Status& error, WaitCallback&& callback);

  // Shared with the tokens and handles that are out.
  internal::BufferCore* const core_;
};

}  // namespace failover

#endif  // FAILOVER_BUFFER_H_
