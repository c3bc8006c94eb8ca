// Two fronts of a waiter: a blocked thread and a callback. The third, a coroutine, is in
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

// What a released or refused request is told. The original error is what the request came with.
absl::StatusOr<RetryDoneFunc> ResultOf(ShardBuffer& shard, const WaitEnd& end,
                                       absl::StatusCode original_code,
                                       std::string_view original_text);

// On the stack of the thread that it blocks.
class ThreadWaiter final : public Waiter {
 public:
  explicit ThreadWaiter(ShardBuffer& shard) : Waiter(&shard, /*blocks=*/true) {}

  void Block() { parking_.Park(); }
  void Complete() override { parking_.Unpark(); }

 private:
  Parking parking_;
};

// Registers a blocked thread with a Cancellation (nullptr: with none) for as long as it lives.
class CancelHook {
 public:
  CancelHook(Cancellation* cancellation, ThreadWaiter& waiter);
  ~CancelHook();

  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  friend class failover::Cancellation;

  // Takes the waiter out of its queue, if it still is there, and puts it on the list of those that
  // are to be woken once no mutex is held.
  void Fire(WaiterList* woken);

  Cancellation* const cancellation_;
  ThreadWaiter& waiter_;
  // Guarded by the Cancellation's mutex.
  CancelHook* previous_ = nullptr;
  CancelHook* next_ = nullptr;
};

// On the heap, in one piece with the text of the original error. Owned half by the Buffer until it
// was completed or cancelled, half by the BufferedRequest.
class CallbackWaiter final : public Waiter {
 public:
  // nullptr: out of memory. The owner of the shard is kept alive as long as the waiter lives.
  static CallbackWaiter* Make(ShardBuffer& shard, WaitCallback&& callback,
                              const absl::Status& error);

  // Runs the callback, destroys it, and gives the Buffer's half back. A callback must not throw.
  void Complete() noexcept override;
  // The same without running it.
  void Discard();

  void Unref();

  // For the BufferedRequest: the Buffer has given its half back, so the callback has run or will
  // never. The acquire pairs with the release in Unref: what the Buffer did to *this is seen, and
  // nothing more will come.
  bool HasLeft() const { return references_.load(std::memory_order_acquire) == 1; }

 private:
  CallbackWaiter(ShardBuffer& shard, WaitCallback&& callback, const absl::Status& error,
                 std::size_t text_size);
  ~CallbackWaiter();

  char* text() { return reinterpret_cast<char*>(this + 1); }

  // In the order in which they leave no gaps. There are never more references than two.
  std::atomic<std::uint16_t> references_{2};
  const std::uint16_t text_size_;
  const absl::StatusCode original_code_;
  WaitCallback callback_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_WAITERS_H_
