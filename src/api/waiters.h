// Two kinds of waiters: a blocked thread and a callback. The third kind, a coroutine, is in
// failover/coroutine.h.
#ifndef FAILOVER_SRC_API_WAITERS_H_
#define FAILOVER_SRC_API_WAITERS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parking.h"
#include "failover/buffer.h"
#include "failover/internal/waiter.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

class BufferCore;

// The error of the attempt before, as far as an error of the Buffer repeats it.
struct AttemptText {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string_view text;
};
AttemptText TextOf(const AttemptView& last);

// Returns what a released or failed request is told. The original error is the error that the
// request came with.
absl::StatusOr<RetryDoneFunc> ResultOf(const Waiter& waiter, absl::StatusCode original_code,
                                       std::string_view original_text);

// Lives on the stack of the thread that it blocks.
class ThreadWaiter final : public Waiter {
 public:
  explicit ThreadWaiter(ShardBuffer& shard) : Waiter(&shard, /*blocks=*/true) {}

  Parking& parking() { return parking_; }
  void Complete() override { parking_.Unpark(); }

 private:
  Parking parking_;
};

// Registers a waiter with a Cancellation for as long as the hook lives. With nullptr it does
// nothing. The destructor returns only when no Cancel uses the waiter any more, so the waiter must
// live until then, and its core, too.
//
// A waiter whose request is submitted after the hook was made must be submitted with the same
// Cancellation: a Cancel that comes before finds nothing to cancel, and leaves only the flag.
class CancelHook {
 public:
  CancelHook(Cancellation* cancellation, BufferCore& core, Waiter& waiter);
  ~CancelHook();

  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  friend class failover::Cancellation;

  // Takes the hook out of the Cancellation's list, and its waiter out of the queue, if the waiter
  // is still there. `lock` is a lock of the Cancellation's mutex.
  void Fire(std::unique_lock<std::mutex> lock);
  void Unlink();

  Cancellation* const cancellation_;
  BufferCore& core_;
  Waiter& waiter_;
  // Guarded by the Cancellation's mutex.
  bool linked_ = false;
  CancelHook* previous_ = nullptr;
  CancelHook* next_ = nullptr;
};

// The hooks of a coroutine: the Cancellation of its context, and that of its stop token. Either may
// be nullptr.
struct CancelHooks {
  CancelHooks(Cancellation* by_context, Cancellation* by_stop, BufferCore& core, Waiter& waiter)
      : of_context(by_context, core, waiter), of_stop(by_stop, core, waiter) {}

  CancelHook of_context;
  CancelHook of_stop;
};

// Lives on the heap, in one piece with the text of the original error, and with the CancelHook if
// the request has a Cancellation. It has two owners: the
// Buffer, until the waiter was completed or cancelled, and the BufferedRequest.
class CallbackWaiter final : public Waiter {
 public:
  // Returns nullptr if there is no memory. The waiter keeps the owner of the shard alive, which is
  // `core`, and the inside of the context's inbox.
  static CallbackWaiter* Make(BufferCore& core, ShardBuffer& shard, const RequestContext& context,
                              WaitCallback&& callback, const AttemptText& error);

  // Runs the callback, destroys it, and ends the Buffer's ownership. A callback must not throw.
  void Complete() noexcept override;
  // Destroys the callback without running it, and ends the Buffer's ownership.
  void Discard() noexcept override;

  void Unref();

  // The BufferedRequest calls HasLeft. True means that the Buffer's ownership has ended. The
  // callback has then run, or will never run. The acquire pairs with the release in Unref, so this
  // thread sees all that the Buffer did to *this.
  bool HasLeft() const { return references_.load(std::memory_order_acquire) == 1; }

 private:
  CallbackWaiter(ShardBuffer& shard, WaitCallback&& callback, const AttemptText& error,
                 std::size_t text_size);
  ~CallbackWaiter();

  char* text() { return reinterpret_cast<char*>(this + 1); }
  static std::size_t HookOffset(std::size_t text_size);
  // Where the hook is, if there is one.
  void* hook();
  void EndHook();

  // The members are in the order that leaves no gaps. There are never more than two references.
  std::atomic<std::uint16_t> references_{2};
  const std::uint8_t text_size_;
  bool has_hook_ = false;
  const absl::StatusCode original_code_;
  WaitCallback callback_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_WAITERS_H_
