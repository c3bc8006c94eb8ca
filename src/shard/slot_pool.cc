#include "shard/slot_pool.h"

#include <algorithm>
#include <optional>

#include "base/sync_point.h"

namespace failover::internal {

// Another shard of this Buffer may miss the slot of this pool for a moment, and evict a request. At
// that moment the shared pool is full, so the shard would have evicted the request anyway.
SlotAnswer SlotPool::TakeSharedSlot() {
  FAILOVER_SYNC_POINT("slot:before-shared");
  if (shared_->TakeOwnSlot() == SlotAnswer::kTaken) return SlotAnswer::kTaken;
  ReturnOwnSlots(1);
  return SlotAnswer::kFull;
}

// The first look is at the shared pool, so that no more bytes are taken here than are free there.
// What goes back at the end was taken from the shared pool by another Buffer since that look.
std::optional<std::uint64_t> SlotPool::TakeSharedBytes(std::uint64_t wanted, std::uint64_t least) {
  if (const std::uint64_t most = shared_->max_bytes(); most != 0) {
    wanted = std::min(wanted, most - shared_->bytes_held());
  }
  if (wanted < least) return std::nullopt;
  const std::optional<std::uint64_t> own = TakeOwnBytes(wanted, least);
  if (!own.has_value()) return std::nullopt;
  FAILOVER_SYNC_POINT("bytes:before-shared");
  const std::optional<std::uint64_t> taken = shared_->TakeOwnBytes(*own, least);
  ReturnOwnBytes(*own - taken.value_or(0));
  return taken;
}

}  // namespace failover::internal
