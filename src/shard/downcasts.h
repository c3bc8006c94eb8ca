// The downcast of the library: other floors know a shard by its gate, and ShardOf finds the shard.
#ifndef FAILOVER_SRC_SHARD_DOWNCASTS_H_
#define FAILOVER_SRC_SHARD_DOWNCASTS_H_

#include <cassert>

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

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_DOWNCASTS_H_
