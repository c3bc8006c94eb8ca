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
#include "failover/export.h"
#include "failover/internal/shard_gate.h"
#include "failover/stats.h"

namespace failover {

class RetryDoneFunc;

namespace internal {

class BufferCore;
class CallbackWaiter;
class BufferAccess;
class ShardBuffer;
struct WaitEnd;

RetryDoneFunc MakeRetryDone(ShardBuffer& shard, const WaitEnd& end);

}  // namespace internal

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
  friend RetryDoneFunc internal::MakeRetryDone(internal::ShardBuffer&, const internal::WaitEnd&);

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

}  // namespace failover

#endif  // FAILOVER_HANDLES_H_
