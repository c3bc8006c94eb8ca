#include "failover/inbox.h"

#include <utility>

#include "api/buffer_core.h"
#include "api/shard_change.h"
#include "run/inbox_core.h"

namespace failover {

Inbox::Inbox(std::function<void()> wakeup) : core_(new internal::InboxCore(std::move(wakeup))) {}

Inbox::~Inbox() {
  core_->Close();
  while (internal::ShardBuffer* const shard = core_->ShardOfAny()) {
    internal::BufferCore& owner = internal::BufferCore::Of(*shard);
    owner.CancelFirstOf(*core_, *shard);
    owner.Unref();
  }
  core_->Unref();
}

bool Inbox::Poll(int max_callbacks) { return core_->Poll(max_callbacks); }

namespace internal {

InboxCore* BufferCore::CoreOf(const Inbox* inbox) {
  return inbox == nullptr ? nullptr : inbox->core_;
}

// Between the look of ~Inbox and this call, the member may have left, and another waiter may have
// come to its address. If the first member is of this shard, then it is right to cancel that one.
void BufferCore::CancelFirstOf(InboxCore& inbox, ShardBuffer& shard) {
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  Waiter* waiter = nullptr;
  {
    ShardChange change(*this, shard, {"inbox-end:before-lock", "inbox-end:after-lock"});
    waiter = inbox.FirstToDiscard(shard);
    if (waiter == nullptr) return;
    TakeOut(shard, *waiter, now, change.effects());
    change.FreesSlot(shard.closed());
  }
  waiter->Discard();
  inbox.Discarded();
  Unref();
}

}  // namespace internal
}  // namespace failover
