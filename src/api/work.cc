#include "api/work.h"

#include "api/buffer_core.h"
#include "shard/downcasts.h"

namespace failover::internal {

std::uint8_t MakeStripe() {
  static std::atomic<std::uint32_t> next{0};
  // Relaxed: the number only spreads the threads.
  return static_cast<std::uint8_t>(next.fetch_add(1, std::memory_order_relaxed) %
                                   WorkCount::kStripes);
}

void LeaveWork(ShardGate& gate, Work work, std::uint8_t stripe, bool owns) noexcept {
  gate.SubtractWork(work, stripe);
  FAILOVER_SYNC_POINT("work:left");
  // The order is that of EnterWork: a thread that waits for the end sees the end, or this thread
  // sees that somebody waits.
  if ((gate.bits_in_order() & ShardGate::AwaitsWork(work)) != 0) {
    ShardBuffer& shard = ShardOf(gate);
    BufferCore::Of(shard).LookForQuiet(shard);
  }
  if (owns) ShardOf(gate).owner().Unref();
}

}  // namespace failover::internal
