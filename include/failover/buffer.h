// Holds requests while a shard's primary fails over, so that they succeed a moment later instead
// of failing. This is the only header that most users need.
//
//   auto buffer = failover::Buffer::Create({}).value();
//   const failover::ShardHandle shard = buffer->GetShard("commerce", "-80");
//
//   // Do this around each query for a primary:
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       buffer->WaitForFailoverEnd({}, shard, absl::OkStatus());
//   if (!done.ok()) return done.status();             // the request could not be held
//   absl::Status result = Execute(query);
//   if (buffer->IsFailover(result)) {                 // refused: wait, and hand the token back
//     done = buffer->WaitForFailoverEnd({}, shard, result, *std::move(done));
//     if (!done.ok()) return done.status();
//     result = Execute(query);
//   }
//   (*done)(result);                                  // tells the Buffer how the retry ended
//
// failover/retry.h has this loop ready made, and failover/retry_steps.h has its rules without a
// thread. docs/guide/embedding.md shows the loop for event loops. The health check calls this for
// every report:
//
//   buffer->StatsUpdate(tablet_stats);
//
// Three kinds of statements must never be put through a Buffer: a statement inside a transaction, a
// query for a replica, and a statement that may have been executed already (because its connection
// was lost while it ran).
#ifndef FAILOVER_BUFFER_H_
#define FAILOVER_BUFFER_H_

#include <cassert>
#include <cstdint>
#include <functional>
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
#include "failover/last_attempt.h"
#include "failover/request_context.h"
#include "failover/stats.h"
#include "failover/work.h"

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

class Switchover;          // failover/switchover.h
struct SwitchoverOptions;  // failover/switchover.h

// Holds the requests of any number of shards while their primaries fail over.
//
// Each shard goes from Idle to Buffering when a request failed because of a failover, or when its
// primary was seen not serving. It goes from Buffering to Draining when the failover ended. In
// Draining the held requests are released in order, at most drain_concurrency at a time, and then
// the shard is Idle again. Requests are held first in, first out.
//
// Thread-safety: thread-safe, but for the destructor. No call runs foreign code (callbacks,
// classifier, clock, wakeup, log sinks) under a lock.
// Threads: the Buffer has one thread of its own in Threading::kServiceThread, if buffering is
// enabled, and none in kManual. Lifetime: handles are valid as long as the Buffer. RetryDoneFunc
// and BufferedRequest may outlive it. Names: a keyspace and a shard have 1 to kMaxNameLength bytes
// each. With other names the waiting calls return kInvalidArgument, GetShard returns an inert
// handle, and the feeds ignore the report.
class FAILOVER_EXPORT Buffer final : public HealthCheckStatsListener {
 public:
  // Returns kInvalidArgument, which names the option that is wrong, or kResourceExhausted if the
  // service thread could not be started. May throw std::bad_alloc.
  static absl::StatusOr<std::unique_ptr<Buffer>> Create(BufferOptions options);

  // Calls Shutdown, and returns only after every blocked caller has left. It is an error to destroy
  // a Buffer inside one of its own callbacks. That error is logged, and the thread that runs the
  // callback ends the Buffer after its turn of polling. Until then the clock, `wakeup` and the
  // classifier of the options must live.
  ~Buffer() override;

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Call this before each attempt of a query for a primary, with how the attempt before ended: an
  // absl::Status or an Attempt (OK or kNone if there was none). It blocks while the request is
  // held. The answer is one of these:
  //   OK, empty token:   The request was not held; go on.
  //   OK, engaged token: The request was held. Retry now. Keep the token until the retry has ended.
  //   error:             The request could not be held, or not any longer. ReasonOf tells why.
  // A request is not held if its shard is idle or draining, if it comes with an error that no
  // failover caused, or for one of the SkippedReasons. (Only kBufferFull is an error.)
  // Never call this inside a callback of the same Buffer, nor in other code that runs while the
  // Buffer polls: where the request would be held, the call returns kFailedPrecondition without a
  // reason, and logs that once. With the steady clock (BufferOptions::clock) the call ends by the
  // window and by the timeout even if nobody polls. With another clock in Threading::kManual,
  // another thread must call Poll, or this call may block for ever.
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   const absl::Status& error) {
    assert(Owns(shard));
    if (error.ok() && context.work == Work::kUncounted && shard.Passes()) return RetryDoneFunc();
    return Wait(context, nullptr, shard, internal::AttemptView(error));
  }
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   LastAttempt last) {
    assert(Owns(shard));
    if (context.work == Work::kUncounted && last.PassesIf(shard.Passes())) return RetryDoneFunc();
    return Wait(context, nullptr, shard, last.view());
  }
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context,
                                                   std::string_view keyspace,
                                                   std::string_view shard,
                                                   const absl::Status& error);
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context,
                                                   std::string_view keyspace,
                                                   std::string_view shard, LastAttempt last);
  // As LastAttempt::After: `last` is how the retry that `previous` stands for ended.
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   LastAttempt last, RetryDoneFunc previous) {
    return WaitForFailoverEnd(context, shard, std::move(last).After(std::move(previous)));
  }
#if defined(__cpp_lib_jthread)
  // Returns kCancelled when a stop is requested, or when context.cancellation is cancelled.
  absl::StatusOr<RetryDoneFunc> WaitForFailoverEnd(const RequestContext& context, ShardHandle shard,
                                                   LastAttempt last, const std::stop_token& stop) {
    assert(Owns(shard));
    if (context.work == Work::kUncounted && last.PassesIf(shard.Passes())) return RetryDoneFunc();
    Cancellation stopped;
    const std::stop_callback on_stop(stop, [&stopped] { stopped.Cancel(); });
    return Wait(context, &stopped, shard, last.view());
  }
#endif

  // Does the same without blocking. The answer is one of these:
  //   OK, empty:   The request was not held; go on. The callback was destroyed unused. If the
  //                request is counted (RequestContext::work), keep the handle until it has ended,
  //                or take its token (BufferedRequest::TakeToken).
  //   OK, engaged: The request is held. The callback runs exactly once, unless the handle cancels
  //                it first. The callback runs on the service thread (kManual: inside Poll or
  //                Shutdown), never inside this call.
  //   error:       The request could not be held. The callback was destroyed unused.
  //                kInvalidArgument means that the callback is empty.
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context, ShardHandle shard,
                                                          const absl::Status& error,
                                                          WaitCallback callback) {
    assert(Owns(shard));
    if (error.ok() && context.work == Work::kUncounted && shard.Passes()) return BufferedRequest();
    return WaitAsync(context, shard, internal::AttemptView(error), std::move(callback));
  }
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context, ShardHandle shard,
                                                          LastAttempt last, WaitCallback callback) {
    assert(Owns(shard));
    if (context.work == Work::kUncounted && last.PassesIf(shard.Passes())) return BufferedRequest();
    return WaitAsync(context, shard, last.view(), std::move(callback));
  }
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context,
                                                          std::string_view keyspace,
                                                          std::string_view shard,
                                                          const absl::Status& error,
                                                          WaitCallback callback);
  absl::StatusOr<BufferedRequest> WaitForFailoverEndAsync(RequestContext context,
                                                          std::string_view keyspace,
                                                          std::string_view shard, LastAttempt last,
                                                          WaitCallback callback);

  // Does the same, and fills `request` before the callback can run. So the callback may use the
  // handle, even if it runs on another thread before this call returns. Whoever needs the handle
  // after the call must bear that the callback has ended it. OK with an empty `request`: the
  // request was not held. What `request` held before is cancelled first, as its destructor does.
  // Null is kInvalidArgument.
  absl::Status WaitForFailoverEndAsync(RequestContext context, ShardHandle shard, LastAttempt last,
                                       WaitCallback callback, BufferedRequest* request);

  // A failover refused a request that cannot be repeated, for instance inside a transaction. That
  // is a sign of a failover all the same, so the shard may begin to hold other requests. `why` goes
  // to the log. An inert handle does nothing.
  void NoteRefused(ShardHandle shard, std::string_view why);

  // Call this with every health report of every tablet; the Buffer picks out what matters. A shard
  // that is not known yet becomes known. Reports of other types than kPrimary are ignored. A report
  // that does not serve never ends a failover, but if it is the known primary's, then the next
  // request starts a failover without having failed. A serving report ends a failover if its
  // timestamp is newer than any before; if it is of another server whose timestamp is not older
  // while the known primary is down; or if it is the known primary's and was observed after the
  // failover began or after the primary was down. docs/design.md has the rules.
  void StatsUpdate(const TabletStats& stats) override;

  // Ends the failovers of the shards that the event names. The StopReason is
  // kMoveTablesSwitchedTraffic if the tables are switched. Otherwise it is kNewPrimarySeen for a
  // shard that serves, and kReshardingComplete for a shard that is gone, whose held requests fail
  // with kShardMissing. A move that is still switching ends nothing.
  void HandleKeyspaceEvent(const KeyspaceEvent& event);

  // An operator, or a tool that carries out a failover, starts and stops the buffering of a shard.
  // The start guards do not apply, but max_failover_duration does. `reason` goes to the log. Both
  // return false if there was nothing to do: the handle is inert, the shard is disabled, draining,
  // or in that state already, or the Buffer is shut down.
  bool StartBuffering(ShardHandle shard, std::string_view reason);
  bool StopBuffering(ShardHandle shard);

  // Begins a planned switchover of the shard. Include failover/switchover.h for the result and the
  // options. The errors are kInvalidArgument, which names the option that is wrong, or says that
  // the handle is inert, kFailedPrecondition if the shard does not really buffer, is not in
  // State::kIdle, or if the Buffer is shut down, and kResourceExhausted if memory has run out.
  // While the switchover is under way, StartBuffering does nothing and returns false, and
  // StopBuffering calls it off. It counts as a failover in the statistics, whose StopReason is
  // kManual for a commit and for an abort, and kMaxDurationExceeded if hold_timeout ended it.
  absl::StatusOr<Switchover> BeginSwitchover(ShardHandle shard, const SwitchoverOptions& options);

  // Changes the options while the Buffer runs, for instance after the embedder has read its
  // configuration anew. `options` are all options, not only those that change (begin with
  // options()). threading and clock must be those of Create. The functions (wakeup,
  // caused_by_failover, on_transition, log) stay those of Create, whatever is given here. On an
  // error nothing has changed: kInvalidArgument names the option that is wrong,
  // kResourceExhausted means that memory has run out or that the service thread could not be
  // started, kFailedPrecondition that the Buffer is shut down.
  // Handles, tokens and what is held stay valid. A request that is held keeps its window, and a
  // hold keeps its longest duration. If more is held than size, max_per_shard or max_bytes now
  // allow, newcomers are refused and nobody is evicted until enough have left. A shard that does
  // not buffer any more (enabled, dry_run, keyspace_shards) drains what it held, as after
  // StopBuffering, and its planned switchover is aborted. docs/reference/options.md tells for each
  // option when it acts. Thread-safe, also in a callback: of two calls at the same time all shards
  // follow the one that came last. A switchover of a shard that one of the two turned off is
  // aborted, although the other one has turned the shard on again.
  absl::Status Reconfigure(const BufferOptions& options);
  // Returns a copy of the options that are in force. Thread-safe.
  BufferOptions options() const;

  // Returns the handle of a shard, which is valid as long as the Buffer. The shard becomes known if
  // it is not known yet. The handle is inert if max_shards shards are known already, if a name is
  // bad, or if the shard is unknown after Shutdown.
  ShardHandle GetShard(std::string_view keyspace, std::string_view shard);

  // Whether the Buffer's classifier says that a failover caused the error. OK is never such an
  // error.
  bool IsFailover(const absl::Status& error) const;

  // Returns a copy of everything. Each shard is copied at one moment, but not all at the same
  // moment.
  BufferStats Stats() const;
  // Returns nullopt if the shard is not known.
  std::optional<ShardStats> GetShardStats(std::string_view keyspace, std::string_view shard) const;
  // Calls the visitor with a copy of each shard, one at a time, for programs that collect metrics.
  // The visitor is not called under a lock.
  void ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const;
  // The time of BufferOptions::clock, with which the times in ShardStats compare.
  absl::Time Now() const;

  // Releases all held requests at once for a retry, runs their callbacks, and waits for the retries
  // to end, at most shutdown_grace, or what is left of it after BeginShutdown (kManual: not at
  // all). After Shutdown returned, the Buffer has no thread, runs no callback and holds no request
  // any more. Requests pass, and tokens and handles are harmless. Shutdown is idempotent, and a
  // concurrent call waits for the first. Inside a callback or on_transition it does not wait: the
  // remaining callbacks run afterwards, and the next Shutdown, or the destructor, waits for them.
  void Shutdown();

  // Does what Shutdown does, but does not wait: for event loops that have to run the retries
  // themselves. Releases all held requests and returns. The service thread (kManual: Poll) runs
  // their callbacks, and finishes the shutdown as soon as all retries have ended, at the latest
  // shutdown_grace later, by the Buffer's clock, also in kManual. Then it calls `done`, once, under
  // no lock, and the Buffer has no more to do. `done` does not say that the router has no more to
  // do: a retry that hangs is still under way, and one that was refused has handed its token back,
  // so RetrySteps may make further attempts. Serve until the last query has ended, at most until a
  // deadline of your own. A Shutdown or a destructor that comes earlier waits for the rest of that
  // time (kManual: not at all), finishes and calls `done` itself. If the Buffer is shut down
  // already, `done` runs inside this call. Each call's `done` runs; it may be empty, must not throw
  // (std::terminate), and must not destroy the Buffer, which is logged as an error, and done by
  // another thread. May be called anywhere, also in a callback. May throw std::bad_alloc, and has
  // then done nothing.
  void BeginShutdown(std::function<void()> done);

  // For Threading::kManual only. Runs what is due, callbacks included, and returns for how long
  // nothing will be due. Zero means that it should be called again at once, and infinite means that
  // nothing is waiting. One thread at a time polls: a concurrent call, a call inside a callback or
  // on_transition, and a call in Threading::kServiceThread do nothing and return infinite. Harmless
  // after Shutdown.
  absl::Duration Poll();

 private:
  friend class internal::BufferAccess;

  explicit Buffer(internal::BufferCore* core) : core_(core) {}

  // Whether the handle is inert, or came from GetShard of this Buffer.
  bool Owns(ShardHandle shard) const;

  absl::StatusOr<RetryDoneFunc> Wait(const RequestContext& context, Cancellation* stop,
                                     ShardHandle shard, const internal::AttemptView& last);
  absl::StatusOr<BufferedRequest> WaitAsync(const RequestContext& context, ShardHandle shard,
                                            const internal::AttemptView& last,
                                            WaitCallback&& callback);
  // Sets *request, which must be empty, before the callback can run.
  absl::Status WaitAsync(const RequestContext& context, ShardHandle shard,
                         const internal::AttemptView& last, WaitCallback&& callback,
                         BufferedRequest* request);

  // The tokens and handles that the embedder keeps share the ownership of it.
  internal::BufferCore* const core_;
};

}  // namespace failover

#endif  // FAILOVER_BUFFER_H_
