// How counted work enters a shard. docs/design.md ("Counted work") has the proof.
#ifndef FAILOVER_SRC_API_WORK_H_
#define FAILOVER_SRC_API_WORK_H_

#include <atomic>
#include <cstdint>

#include "base/sync_point.h"
#include "failover/handles.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/shard_gate.h"
#include "failover/internal/work_count.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// Gives the calling thread its stripe.
std::uint8_t MakeStripe();
inline thread_local std::uint8_t this_threads_stripe = kNoStripe;

// Counts work in `stripe`, if the gate lets it pass. A disabled shard counts the request, too. An
// empty token means that the request has to be looked at under the mutex.
inline WorkToken EnterWork(ShardBuffer& shard, Work work, std::uint8_t stripe) {
  FAILOVER_SYNC_POINT("work:before-count");
  // First the work is counted, and then the gate is read. The thread that closes the gate does it
  // the other way around. So that thread counts the work, or this thread finds the gate closed.
  shard.AddWork(work, stripe);
  FAILOVER_SYNC_POINT("work:counted");
  const std::uint32_t gate = shard.bits_in_order();
  if (ShardGate::LetsPass(gate, work)) {
    if ((gate & ShardGate::kDisabled) != 0) shard.CountDisabled();
    return BufferAccess::MakeWork(shard, work, stripe);
  }
  // The thread that closed the gate may have counted this work, so it has to look again.
  LeaveWork(shard, work, stripe, /*owns=*/false);
  return {};
}

// The same in the stripe of the calling thread. Needs the stripes of the shard. Inline, because
// each counted request of a shard at rest comes by here.
inline WorkToken EnterWork(ShardBuffer& shard, Work work) {
  if (this_threads_stripe == kNoStripe) this_threads_stripe = MakeStripe();
  return EnterWork(shard, work, this_threads_stripe);
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_WORK_H_
