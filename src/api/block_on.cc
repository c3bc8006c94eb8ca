// The wait of failover/block_on.h, which parks a fiber instead of a thread.
#include <optional>

#include "absl/functional/function_ref.h"
#include "api/buffer_core.h"
#include "api/waiters.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "shard/downcasts.h"

namespace failover::internal {
namespace {

// Lives on the stack of the fiber that it parks. As a blocked thread, a fiber is woken by the
// thread that released it.
class FiberWaiter final : public Waiter {
 public:
  FiberWaiter(ShardBuffer& shard, absl::FunctionRef<void()> post)
      : Waiter(&shard, /*blocks=*/true), post_(post) {}

  // *this may be gone before the function has returned.
  void Complete() override { post_(); }

 private:
  const absl::FunctionRef<void()> post_;
};

// A share of the ownership of a Buffer's inside.
class Share {
 public:
  explicit Share(RefCounted& object) : object_(object) { object_.Ref(); }
  ~Share() { object_.Unref(); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  RefCounted& object_;
};

}  // namespace

// The fiber is no Lifecycle::Caller while it is parked: the destructor of the Buffer would wait for
// it, maybe on the very thread that has to run the fiber. The share keeps what the fiber looks at
// when it goes on.
absl::StatusOr<RetryDoneFunc> BufferCore::WaitOn(const RequestContext& context, ShardBuffer& shard,
                                                 const AttemptView& last,
                                                 absl::FunctionRef<void()> post,
                                                 absl::FunctionRef<void()> wait) {
  WorkToken work;
  const std::optional<RequestTraits> traits = TraitsToSubmit(shard, context, last, &work);
  if (!traits.has_value()) return BufferAccess::MakeToken(std::move(work));
  const Share share(*this);
  FiberWaiter waiter(shard, post);
  const Decision decision = Submit(context, *traits, last, nullptr, &waiter);
  if (decision.kind == Decision::Kind::kPass) return BufferAccess::PassedToken(waiter);
  if (decision.kind == Decision::Kind::kRefused) {
    if (decision.refusal == Refusal::kBlocksPoller) return PollerBlockedError(shard);
    return RefusalError(shard, context, decision.refusal, last);
  }
  {
    const CancelHook by_caller(context.cancellation, *this, waiter);
    FAILOVER_SYNC_POINT("wait-on:before-park");
    wait();
  }
  const AttemptText error = TextOf(last);
  return ResultOf(waiter, error.code, error.text);
}

absl::StatusOr<RetryDoneFunc> BufferAccess::WaitOn(const Buffer& buffer,
                                                   const RequestContext& context, ShardHandle shard,
                                                   const AttemptView& last,
                                                   absl::FunctionRef<void()> post,
                                                   absl::FunctionRef<void()> wait) {
  if (shard.gate_ != nullptr) {
    return buffer.core_->WaitOn(context, ShardOf(*shard.gate_), last, post, wait);
  }
  buffer.core_->NoteInertHandle();
  return RetryDoneFunc();
}

}  // namespace failover::internal
