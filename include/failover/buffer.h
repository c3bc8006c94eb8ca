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
// failover/retry.h has this loop ready made; docs/embedding.md shows it for event loops. From the
// health check, for every report:
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

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer_options.h"
#include "failover/clock.h"
#include "failover/errors.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/internal/shard_gate.h"
#include "failover/request_context.h"
#include "failover/stats.h"

#if __cplusplus >= 202002L
#include <version>
#endif
#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

namespace failover {

class RetryDoneFunc;

namespace internal {

class BufferCore;
class CallbackWaiter;
class BufferAccess;
class ShardBuffer;
struct Outcome;

RetryDoneFunc MakeRetryDone(ShardBuffer& shard, const Outcome& outcome);

}  // namespace internal

// The longest keyspace name and the longest shard name that a Buffer takes, in bytes.
inline constexpr std::size_t kMaxNameLength = 256;

// A shard of one Buffer, resolved once by Buffer::GetShard: the cheapest way to name it.
//
// A value the size of a pointer, valid as long as its Buffer. A default-constructed one, and one
// for a shard that the Buffer could not take on, is inert: its requests pass.
class ShardHandle {
 public:
  ShardHandle() = default;

  // False: inert.
  explicit operator bool() const { return gate_ != nullptr; }

  friend bool operator==(ShardHandle a, ShardHandle b) { return a.gate_ == b.gate_; }
  friend bool operator!=(ShardHandle a, ShardHandle b) { return a.gate_ != b.gate_; }

 private:
  friend class Buffer;
  friend class internal::BufferCore;
  friend class internal::BufferAccess;

  explicit ShardHandle(internal::ShardGate* gate) : gate_(gate) {}

  // Whether a request that has not failed goes on at once.
  bool Passes() const {
    return gate_ == nullptr || (gate_->bits() & internal::ShardGate::kStopsRequests) == 0;
  }

  internal::ShardGate* gate_ = nullptr;
};

// Says that the retry of a held request has ended; until then the request keeps its slot, and a
// drain waits for it. Call it, with the outcome if you like, or let it go out of scope.
//
// Move-only; used by one thread at a time. Harmless after the Buffer is gone.
class FAILOVER_EXPORT RetryDoneFunc {
 public:
  // Empty: the request was not held.
  RetryDoneFunc() = default;
  RetryDoneFunc(RetryDoneFunc&& other) noexcept
      : shard_(std::exchange(other.shard_, nullptr)),
        buffered_(std::exchange(other.buffered_, false)),
        in_drain_(std::exchange(other.in_drain_, false)),
        released_by_(std::exchange(other.released_by_, kOwnWindow)) {}
  // Ends the retry that *this stands for first.
  RetryDoneFunc& operator=(RetryDoneFunc&& other) noexcept;
  ~RetryDoneFunc() {
    if (shard_ != nullptr) End(nullptr);
  }

  // The retry has ended. Further calls do nothing.
  void operator()() {
    if (shard_ != nullptr) End(nullptr);
  }
  void operator()(const absl::Status& outcome) {
    if (shard_ != nullptr) End(&outcome);
  }

  // Whether the request was held. Stays true after the call.
  explicit operator bool() const { return buffered_; }

  // Why the request was let go. nullopt: its own window ended (or it was not held).
  std::optional<StopReason> released_by() const {
    if (released_by_ == kOwnWindow) return std::nullopt;
    return static_cast<StopReason>(released_by_);
  }

 private:
  friend RetryDoneFunc internal::MakeRetryDone(internal::ShardBuffer&, const internal::Outcome&);

  static constexpr std::int8_t kOwnWindow = -1;

  void End(const absl::Status* outcome);

  // Not null: the retry is under way, and *this shares in the ownership of the Buffer's insides.
  internal::ShardBuffer* shard_ = nullptr;
  bool buffered_ = false;
  bool in_drain_ = false;
  std::int8_t released_by_ = kOwnWindow;
};

// Gets the end of an asynchronous wait: the right to retry, or why it could not go on. Runs on
// the service thread or inside Poll, so it must be quick and must not throw (std::terminate):
// post the work to your own event loop, and move the RetryDoneFunc there.
using WaitCallback = absl::AnyInvocable<void(absl::StatusOr<RetryDoneFunc>) &&>;

// A request that WaitForFailoverEndAsync holds.
//
// Move-only. Cancel is thread-safe. Harmless after the Buffer is gone. Do not destroy it while
// holding a lock that its callback takes.
class FAILOVER_EXPORT BufferedRequest {
 public:
  // Empty: the request was not held.
  BufferedRequest() = default;
  BufferedRequest(BufferedRequest&& other) noexcept
      : waiter_(std::exchange(other.waiter_, nullptr)) {}
  BufferedRequest& operator=(BufferedRequest&& other) noexcept;
  // Cancels. Returns only when the callback cannot run any more, unless called from inside it.
  ~BufferedRequest() {
    if (waiter_ != nullptr) CancelAndWait();
  }

  explicit operator bool() const { return waiter_ != nullptr; }

  // True: the callback will never run, and its slot is free; the call that won has destroyed it.
  // False: it ran or runs, or *this is empty. A second call repeats the answer.
  bool Cancel();

  // Lets the callback run without this handle, which is empty then.
  void Detach();

 private:
  friend class internal::BufferCore;

  explicit BufferedRequest(internal::CallbackWaiter* waiter) : waiter_(waiter) {}
  void CancelAndWait();

  internal::CallbackWaiter* waiter_ = nullptr;
};

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
