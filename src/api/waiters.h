// Two kinds of waiters: a blocked thread and a callback. The third kind, a coroutine, is in
// failover/coroutine.h.
#ifndef FAILOVER_SRC_API_WAITERS_H_
#define FAILOVER_SRC_API_WAITERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parking.h"
#include "base/waiter_list.h"
#include "failover/buffer.h"
#include "failover/internal/waiter.h"
#include "failover/request_context.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// Returns what a released or failed request is told. The original error is the error that the
// request came with.
absl::StatusOr<RetryDoneFunc> ResultOf(ShardBuffer& shard, const WaitEnd& end,
                                       absl::StatusCode original_code,
                                       std::string_view original_text);

// Lives on the stack of the thread that it blocks.
class ThreadWaiter final : public Waiter {
 public:
  explicit ThreadWaiter(ShardBuffer& shard) : Waiter(&shard, /*blocks=*/true) {}

  void Block() { parking_.Park(); }
  void Complete() override { parking_.Unpark(); }

 private:
  Parking parking_;
};

// Registers a blocked thread with a Cancellation for as long as the hook lives. With nullptr it
// does nothing.
class CancelHook {
 public:
  CancelHook(Cancellation* cancellation, ThreadWaiter& waiter);
  ~CancelHook();

  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  friend class failover::Cancellation;

  // Takes the waiter out of its queue, if it is still there, and adds it to `woken`. The caller
  // wakes these once no mutex is held.
  void Fire(WaiterList* woken);

  Cancellation* const cancellation_;
  ThreadWaiter& waiter_;
  // Guarded by the Cancellation's mutex.
  CancelHook* previous_ = nullptr;
  CancelHook* next_ = nullptr;
};

// Lives on the heap, in one piece with the text of the original error. It has two owners: the
// Buffer, until the waiter was completed or cancelled, and the BufferedRequest.
class CallbackWaiter final : public Waiter {
 public:
  // Returns nullptr if there is no memory. The waiter keeps the owner of the shard alive.
  static CallbackWaiter* Make(ShardBuffer& shard, WaitCallback&& callback,
                              const absl::Status& error);

  // Runs the callback, destroys it, and ends the Buffer's ownership. A callback must not throw.
  void Complete() noexcept override;
  // Destroys the callback without running it, and ends the Buffer's ownership.
  void Discard();

  void Unref();

  // The BufferedRequest calls HasLeft. True means that the Buffer's ownership has ended. The
  // callback has then run, or will never run. The acquire pairs with the release in Unref, so this
  // thread sees all that the Buffer did to *this.
  bool HasLeft() const { return references_.load(std::memory_order_acquire) == 1; }

 private:
  CallbackWaiter(ShardBuffer& shard, WaitCallback&& callback, const absl::Status& error,
                 std::size_t text_size);
  ~CallbackWaiter();

  char* text() { return reinterpret_cast<char*>(this + 1); }

  // The members are in the order that leaves no gaps. There are never more than two references.
  std::atomic<std::uint16_t> references_{2};
  const std::uint16_t text_size_;
  const absl::StatusCode original_code_;
  WaitCallback callback_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_WAITERS_H_
