// The downcasts of the library. Other floors know a shard by one of its two bases; these functions
// find the shard.
#ifndef FAILOVER_SRC_SHARD_DOWNCASTS_H_
#define FAILOVER_SRC_SHARD_DOWNCASTS_H_

#include <cassert>

#include "base/timer.h"
#include "failover/internal/shard_gate.h"
#include "failover/internal/waiter.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// Every ShardGate is a ShardBuffer: the constructor of ShardGate is protected, and no other class
// derives from it. Debug builds look for the mark that a live ShardBuffer carries.
inline ShardBuffer& ShardOf(ShardGate& gate) {
  auto& shard = static_cast<ShardBuffer&>(gate);
  assert(shard.IsAlive());
  return shard;
}

inline ShardBuffer& ShardOf(const Waiter& waiter) { return ShardOf(*waiter.gate); }

// Every Timer that a Buffer gives to its dispatcher is a ShardBuffer.
inline ShardBuffer& ShardOf(Timer& timer) {
  auto& shard = static_cast<ShardBuffer&>(timer);
  assert(shard.IsAlive());
  return shard;
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_DOWNCASTS_H_
