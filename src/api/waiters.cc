#include "api/waiters.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "base/mutex.h"
#include "base/sync_point.h"
#include "shard/buffer_error.h"
#include "shard/downcasts.h"
#include "shard/effects.h"

namespace failover {

void Cancellation::Cancel() {
  internal::WaiterList woken;
  FAILOVER_SYNC_POINT("cancellation:before-lock");
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Release: pairs with the acquire in cancelled(), so that who sees the flag sees what led to
    // it. Under the mutex, so that a hook that comes later sees it too.
    cancelled_.store(true, std::memory_order_release);
    for (internal::CancelHook* hook = hooks_; hook != nullptr; hook = hook->next_) {
      hook->Fire(&woken);
    }
  }
  FAILOVER_SYNC_POINT("cancellation:after-lock");
  // They cannot leave before they are woken, so they are all still there.
  while (!woken.empty()) woken.PopFront()->Complete();
}

namespace internal {
namespace {

std::string_view Observation(BufferErrorReason reason) {
  switch (reason) {
    case BufferErrorReason::kBufferFull:
      return "no room to hold the request";
    case BufferErrorReason::kEvicted:
      return "the buffer is full and the request was evicted for a newer one";
    case BufferErrorReason::kCancelled:
      return "the request was cancelled while it was held";
    case BufferErrorReason::kTimeout:
      return "the request's own timeout was over before the failover ended";
    case BufferErrorReason::kShardMissing:
      return "the shard is gone after a resharding, the request must be routed anew";
  }
  return "";
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

absl::StatusOr<RetryDoneFunc> ResultOf(ShardBuffer& shard, const WaitEnd& end,
                                       absl::StatusCode original_code,
                                       std::string_view original_text) {
  if (end.released()) return MakeRetryDone(shard, end);
  const auto make = [&] {
    return BufferError(*end.error, shard.keyspace(), shard.shard(), Observation(*end.error),
                       original_code, original_text);
  };
  // When a buffer overflows, each arrival evicts one that did not fail before.
  const bool shared =
      *end.error == BufferErrorReason::kEvicted && original_code == absl::StatusCode::kOk;
  return shared ? shard.eviction_error().Get(make) : make();
}

CancelHook::CancelHook(Cancellation* cancellation, ThreadWaiter& waiter)
    : cancellation_(cancellation), waiter_(waiter) {
  if (cancellation_ == nullptr) return;
  WaiterList woken;
  {
    const std::lock_guard<std::mutex> lock(cancellation_->mutex_);
    next_ = cancellation_->hooks_;
    if (next_ != nullptr) next_->previous_ = this;
    cancellation_->hooks_ = this;
    if (cancellation_->cancelled()) Fire(&woken);
  }
  if (!woken.empty()) woken.PopFront()->Complete();
}

CancelHook::~CancelHook() {
  if (cancellation_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(cancellation_->mutex_);
  (previous_ != nullptr ? previous_->next_ : cancellation_->hooks_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void CancelHook::Fire(WaiterList* woken) {
  ShardBuffer& shard = ShardOf(waiter_);
  Effects effects;
  {
    const MutexLock lock(shard.mutex());
    if (waiter_.place() == Place::kHeld) shard.OnCancel(&waiter_, &effects);
  }
  woken->Append(&effects.threads);
}

CallbackWaiter* CallbackWaiter::Make(ShardBuffer& shard, WaitCallback&& callback,
                                     const absl::Status& error) {
  const std::size_t text_size = std::min(error.message().size(), kMaxKeptErrorText);
  void* const memory = ::operator new(sizeof(CallbackWaiter) + text_size, std::nothrow);
  if (memory == nullptr) return nullptr;
  return new (memory) CallbackWaiter(shard, std::move(callback), error, text_size);
}

CallbackWaiter::CallbackWaiter(ShardBuffer& shard, WaitCallback&& callback,
                               const absl::Status& error, std::size_t text_size)
    : Waiter(&shard, /*blocks=*/false),
      text_size_(static_cast<std::uint16_t>(text_size)),
      original_code_(error.code()),
      callback_(std::move(callback)) {
  shard.owner().Ref();
  MessageOf(error).copy(text(), text_size);
}

CallbackWaiter::~CallbackWaiter() { ShardOf(*this).owner().Unref(); }

void CallbackWaiter::Complete() noexcept {
  std::move(callback_)(ResultOf(ShardOf(*this), end, original_code_, {text(), text_size_}));
  Discard();
}

void CallbackWaiter::Discard() {
  callback_ = nullptr;
  Unref();
}

void CallbackWaiter::Unref() {
  // Each release publishes what its half did; the acquire of the last sees it before it deletes.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~CallbackWaiter();
  ::operator delete(this);
}

}  // namespace internal
}  // namespace failover
