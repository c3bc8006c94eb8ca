// The values that a caller of a Buffer keeps: a shard, the end of a retry, a held request.
// failover/buffer.h includes this header.
#ifndef FAILOVER_HANDLES_H_
#define FAILOVER_HANDLES_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/attempt.h"
#include "failover/export.h"
#include "failover/internal/shard_gate.h"
#include "failover/internal/ticket.h"
#include "failover/internal/work_count.h"
#include "failover/stats.h"
#include "failover/work.h"

namespace failover {

class RetryDoneFunc;

namespace internal {

class BufferCore;
class CallbackWaiter;
class BufferAccess;

}  // namespace internal

// A shard of one Buffer, resolved once by Buffer::GetShard: the cheapest way to name it.
//
// A value of the size of a pointer, valid as long as its Buffer. A default-constructed handle, and
// the handle of a shard that the Buffer could not take on, is inert: its requests pass. A handle
// must be given to the Buffer that it came from; in debug builds anything else fails an assertion.
class ShardHandle {
 public:
  ShardHandle() = default;

  // False means that the handle is inert.
  explicit operator bool() const { return gate_ != nullptr; }

  // The epoch of connections to the primary; 0 for an inert handle. The epoch grows when another
  // server becomes the primary, when the same one comes back after it was down, with a keyspace
  // event, with Switchover::Commit, and when a failover ends in which a retry was refused. Read the
  // epoch before you resolve the primary and connect, keep it with the connection, and drop the
  // connection when the epoch is another. Costs one load.
  std::uint64_t epoch() const { return gate_ == nullptr ? 0 : gate_->epoch(); }

  // The handle as a number, for interfaces that cannot carry a C++ type. An inert handle is 0. A
  // number needs no end, and is valid as long as the Buffer. FromOpaque must be given 0, or what
  // ToOpaque returned.
  std::uint64_t ToOpaque() const { return reinterpret_cast<std::uintptr_t>(gate_); }
  static ShardHandle FromOpaque(std::uint64_t opaque) {
    return ShardHandle(reinterpret_cast<internal::ShardGate*>(static_cast<std::uintptr_t>(opaque)));
  }

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

// Counts one statement or one transaction as in flight, until the token ends. A planned switchover
// waits for that end (failover/switchover.h).
//
// Move-only; used by one thread at a time. The call that ends a token must return before its Buffer
// is destroyed, unless the request was held.
class [[nodiscard]] FAILOVER_EXPORT WorkToken {
 public:
  // An empty token counts nothing.
  WorkToken() = default;
  WorkToken(WorkToken&& other) noexcept
      : gate_(std::exchange(other.gate_, nullptr)),
        work_(other.work_),
        stripe_(other.stripe_),
        owns_(other.owns_) {}
  // First ends what *this counts.
  WorkToken& operator=(WorkToken&& other) noexcept {
    WorkToken old(std::exchange(gate_, std::exchange(other.gate_, nullptr)), work_, stripe_, owns_);
    work_ = other.work_;
    stripe_ = other.stripe_;
    owns_ = other.owns_;
    return *this;
  }
  ~WorkToken() { End(); }

  // The statement or the transaction has ended. Further calls do nothing.
  void End() noexcept {
    if (gate_ != nullptr) {
      internal::LeaveWork(*std::exchange(gate_, nullptr), work_, stripe_, owns_);
    }
  }

  // Whether something is counted.
  explicit operator bool() const { return gate_ != nullptr; }

 private:
  friend class internal::BufferAccess;

  // `owns` says that *this takes over a share of the ownership of the Buffer's inside.
  WorkToken(internal::ShardGate* gate, Work work, std::uint8_t stripe, bool owns)
      : gate_(gate), work_(work), stripe_(stripe), owns_(owns) {}

  internal::ShardGate* gate_ = nullptr;
  // These three have a meaning only if gate_ is not nullptr.
  Work work_ = Work::kUncounted;
  std::uint8_t stripe_ = internal::kNoStripe;
  bool owns_ = false;
};

// A RetryDoneFunc as plain data (RetryDoneFunc::Release). Zeros stand for an empty token.
struct OpaqueRetry {
  std::uint64_t words[2] = {0, 0};
};

// Tells the Buffer that the retry of a held request has ended. Until then the request keeps its
// slot, and a drain waits for the retry. Call the token, with the outcome if you like, or let it go
// out of scope. Held or not, the token also counts the request's work (RequestContext::work) until
// then.
//
// Move-only; used by one thread at a time. Harmless after the Buffer is gone, unless it counts the
// work of a request that was not held: then it must end before its Buffer, as a WorkToken.
class [[nodiscard]] FAILOVER_EXPORT RetryDoneFunc {
 public:
  // An empty token means that the request was not held.
  RetryDoneFunc() = default;
  RetryDoneFunc(RetryDoneFunc&& other) noexcept
      : work_(std::move(other.work_)),
        ticket_(std::exchange(other.ticket_, std::nullopt)),
        buffered_(std::exchange(other.buffered_, false)),
        released_by_(std::exchange(other.released_by_, kOwnWindow)) {}
  // First ends the retry that *this stands for.
  RetryDoneFunc& operator=(RetryDoneFunc&& other) noexcept;
  ~RetryDoneFunc() {
    if (ticket_.has_value()) End(Attempt::kNone);
  }

  // Ends the work and the retry, and says how the retry ended: a retry that succeeds may end the
  // failover, and a retry that was refused may begin it anew. Further calls do nothing.
  // Attempt::kNone, as no argument, does not tell. If a retry was refused and the request can come
  // back, do not call the token, but give it to the next wait (LastAttempt::After).
  void operator()() { (*this)(Attempt::kNone); }
  void operator()(Attempt outcome) {
    work_.End();
    if (ticket_.has_value()) End(outcome);
  }
  // The Buffer's classifier says whether a failover caused an error.
  void operator()(const absl::Status& outcome) {
    work_.End();
    if (ticket_.has_value()) End(outcome);
  }

  // Takes the work out of the token. It stays counted until the WorkToken ends, whatever becomes of
  // the retry. A router keeps it as long as the transaction runs. It is empty if the work is not
  // counted. End the WorkToken before the request waits again, or no switchover gets quiet.
  WorkToken TakeWork() { return std::move(work_); }

  // Turns the token into plain data, which can be copied into a std::function or carried through an
  // interface in C. *this is empty afterwards. Whoever holds the data must hand it to Adopt exactly
  // once, maybe after the Buffer is gone; until then the retry counts as under way. To adopt a
  // second copy is undefined, as a double delete is. Thread-safety: as a move. A token that is
  // engaged or counts work costs one allocation, which may throw std::bad_alloc; then nothing has
  // changed.
  [[nodiscard]] OpaqueRetry Release();
  // The token that Release turned into `opaque`. Takes `opaque` over; never throws.
  static RetryDoneFunc Adopt(const OpaqueRetry& opaque) noexcept;

  // Whether the request was held. The answer stays the same after the retry has ended.
  explicit operator bool() const { return buffered_; }

  // Why the request was released. nullopt means that its own window ended, that it was let go alone
  // to see whether the shard takes writes, or that it was not held.
  std::optional<StopReason> released_by() const {
    if (released_by_ == kOwnWindow) return std::nullopt;
    return static_cast<StopReason>(released_by_);
  }

 private:
  friend class Buffer;
  friend class BufferedRequest;
  friend class internal::BufferAccess;

  static constexpr std::int8_t kOwnWindow = -1;

  // The token of a request that was not held.
  explicit RetryDoneFunc(WorkToken work) : work_(std::move(work)) {}

  void End(Attempt outcome);
  void End(const absl::Status& outcome);

  WorkToken work_;
  // As long as the retry is under way, this has a value, and *this shares the ownership of the
  // Buffer's inside.
  std::optional<internal::Ticket> ticket_;
  bool buffered_ = false;
  std::int8_t released_by_ = kOwnWindow;
};

// Is told how an asynchronous wait ended: with the right to retry, or with an error. The callback
// runs on the service thread or inside Poll, or inside Inbox::Poll (RequestContext::inbox). So it
// must be quick, and it must not throw (std::terminate). Without an inbox, post the work to
// your own event loop, and move the RetryDoneFunc there.
using WaitCallback = absl::AnyInvocable<void(absl::StatusOr<RetryDoneFunc>) &&>;

// A request that WaitForFailoverEndAsync holds.
//
// Move-only. Cancel is thread-safe. Harmless after the Buffer is gone. Do not destroy the handle
// while you hold a lock that its callback takes.
class [[nodiscard]] FAILOVER_EXPORT BufferedRequest {
 public:
  // An empty handle means that the request was not held.
  BufferedRequest() : work_() {}
  BufferedRequest(BufferedRequest&& other) noexcept
      : work_(std::move(other.work_)), waiter_(std::exchange(other.waiter_, nullptr)) {}
  BufferedRequest& operator=(BufferedRequest&& other) noexcept;
  // Cancels the request. Returns only when the callback cannot run any more, unless it is called
  // inside that callback.
  ~BufferedRequest() {
    if (waiter_ == nullptr) {
      work_.~WorkToken();
    } else {
      // The callback may own *this, and then *this is gone when CancelAndWait returns.
      CancelAndWait();
    }
  }

  explicit operator bool() const { return waiter_ != nullptr; }

  // True means that the callback will never run, that it is destroyed, and that the request's slot
  // is free. False means that the callback ran or runs, or that *this is empty. A second call
  // repeats the answer of the first.
  bool Cancel();

  // Ends the wait with kCancelled, and lets the callback run without this handle, as Detach does:
  // the callback runs exactly once, where callbacks run, never inside this call. So a promise is
  // kept, or an Asio handler called, whoever wins. True means that the callback is given
  // kCancelled. False means that the wait had ended before, or that *this was empty. *this is empty
  // afterwards. As Detach, it may not be called while another thread uses *this.
  bool CancelAndComplete();

  // Lets the callback run without this handle. The handle is empty afterwards.
  void Detach();

  // If the request was not held, returns the token that counts its work, once. *this ends the work
  // if nobody takes the token. The token of a request that is held goes to the callback, and this
  // one is empty then.
  RetryDoneFunc TakeToken() { return RetryDoneFunc(std::move(work_)); }

 private:
  friend class Buffer;
  friend class internal::BufferCore;

  explicit BufferedRequest(internal::CallbackWaiter* waiter) : work_(), waiter_(waiter) {}
  // The request passed.
  explicit BufferedRequest(WorkToken work) : work_(std::move(work)) {}
  BufferedRequest(internal::CallbackWaiter* waiter, WorkToken work)
      : work_(std::move(work)), waiter_(waiter) {}
  void CancelAndWait();

  // Empty as long as the request is held. A member of a union has no destructor that would run
  // behind that of *this.
  union {
    WorkToken work_;
  };
  internal::CallbackWaiter* waiter_ = nullptr;
};

}  // namespace failover

#endif  // FAILOVER_HANDLES_H_
