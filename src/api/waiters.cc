#include "api/waiters.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "api/buffer_core.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "run/inbox_core.h"
#include "shard/buffer_error.h"
#include "shard/downcasts.h"

namespace failover {

void Cancellation::Cancel() {
  FAILOVER_SYNC_POINT("cancellation:before-lock");
  std::unique_lock<std::mutex> lock(mutex_);
  // The release pairs with the acquire in cancelled(): a thread that sees the flag sees what led to
  // it. The store is under the mutex, so that a hook that registers later sees it, too.
  cancelled_.store(true, std::memory_order_release);
  // What follows the cancel of a waiter is done under no lock, so the hooks fire one by one.
  while (hooks_ != nullptr) {
    internal::CancelHook* const hook = hooks_;
    const bool is_last = hook->next_ == nullptr;
    hook->Fire(std::move(lock));
    if (is_last) return;
    lock = std::unique_lock<std::mutex>(mutex_);
  }
  lock.unlock();
  FAILOVER_SYNC_POINT("cancellation:after-lock");
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
    case BufferErrorReason::kWindowOver:
      return "the request's window ended while a planned switchover held everything";
  }
  return "";
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

AttemptText TextOf(const AttemptView& last) {
  if (last.error != nullptr) return {last.error->code(), MessageOf(*last.error)};
  if (last.ok()) return {};
  return {absl::StatusCode::kUnavailable, last.why};
}

absl::StatusOr<RetryDoneFunc> ResultOf(const Waiter& waiter, absl::StatusCode original_code,
                                       std::string_view original_text) {
  ShardBuffer& shard = ShardOf(waiter);
  const WaitEnd& end = waiter.end;
  if (end.released()) return BufferAccess::MakeRetryDone(waiter);
  const auto make = [&] {
    return BufferError(*end.error, shard.keyspace(), shard.shard(), Observation(*end.error),
                       original_code, original_text);
  };
  // When a buffer overflows, each arrival evicts a request that came without an error. These
  // requests share one Status.
  const bool shared =
      *end.error == BufferErrorReason::kEvicted && original_code == absl::StatusCode::kOk;
  return shared ? shard.eviction_error().Get(make) : make();
}

CancelHook::CancelHook(Cancellation* cancellation, BufferCore& core, Waiter& waiter)
    : cancellation_(cancellation), core_(core), waiter_(waiter) {
  if (cancellation_ == nullptr) return;
  std::unique_lock<std::mutex> lock(cancellation_->mutex_);
  linked_ = true;
  next_ = cancellation_->hooks_;
  if (next_ != nullptr) next_->previous_ = this;
  cancellation_->hooks_ = this;
  if (cancellation_->cancelled()) Fire(std::move(lock));
}

CancelHook::~CancelHook() {
  if (cancellation_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(cancellation_->mutex_);
  if (linked_) Unlink();
}

void CancelHook::Fire(std::unique_lock<std::mutex> lock) {
  Unlink();
  core_.CancelIfHeld(waiter_, std::move(lock));
}

void CancelHook::Unlink() {
  (previous_ != nullptr ? previous_->next_ : cancellation_->hooks_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  linked_ = false;
}

CallbackWaiter* CallbackWaiter::Make(BufferCore& core, ShardBuffer& shard,
                                     const RequestContext& context, WaitCallback&& callback,
                                     const AttemptText& error) {
  Cancellation* const cancellation = context.cancellation;
  const std::size_t text_size = std::min(error.text.size(), kMaxKeptErrorText);
  const std::size_t size = cancellation == nullptr ? sizeof(CallbackWaiter) + text_size
                                                   : HookOffset(text_size) + sizeof(CancelHook);
  void* const memory = ::operator new(size, std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* const waiter = new (memory) CallbackWaiter(shard, std::move(callback), error, text_size);
  waiter->inbox = BufferCore::CoreOf(context.inbox);
  if (waiter->inbox != nullptr) waiter->inbox->Ref();
  if (cancellation != nullptr) {
    waiter->has_hook_ = true;
    new (waiter->hook()) CancelHook(cancellation, core, *waiter);
  }
  return waiter;
}

std::size_t CallbackWaiter::HookOffset(std::size_t text_size) {
  constexpr std::size_t kAlign = alignof(CancelHook);
  return (sizeof(CallbackWaiter) + text_size + kAlign - 1) / kAlign * kAlign;
}

void* CallbackWaiter::hook() { return reinterpret_cast<char*>(this) + HookOffset(text_size_); }

void CallbackWaiter::EndHook() {
  if (std::exchange(has_hook_, false))
    std::launder(static_cast<CancelHook*>(hook()))->~CancelHook();
}

CallbackWaiter::CallbackWaiter(ShardBuffer& shard, WaitCallback&& callback,
                               const AttemptText& error, std::size_t text_size)
    : Waiter(&shard, /*blocks=*/false),
      text_size_(static_cast<std::uint8_t>(text_size)),
      original_code_(error.code),
      callback_(std::move(callback)) {
  shard.owner().Ref();
  error.text.copy(text(), text_size);
}

CallbackWaiter::~CallbackWaiter() {
  if (inbox != nullptr) inbox->Unref();
  ShardOf(*this).owner().Unref();
}

void CallbackWaiter::Complete() noexcept {
  // The caller may destroy the Cancellation as soon as the callback runs.
  EndHook();
  std::move(callback_)(ResultOf(*this, original_code_, {text(), text_size_}));
  Discard();
}

void CallbackWaiter::Discard() noexcept {
  EndHook();
  callback_ = nullptr;
  Unref();
}

void CallbackWaiter::Unref() {
  // The release of each half publishes what that half did. The acquire of the last one sees all of
  // it before the waiter is deleted.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~CallbackWaiter();
  ::operator delete(this);
}

}  // namespace internal
}  // namespace failover
