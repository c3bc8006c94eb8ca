// Not part of the API. One wait for a planned switchover to be quiet. Here because a coroutine
// keeps its waiter in its own frame.
#ifndef FAILOVER_INTERNAL_QUIET_WAITER_H_
#define FAILOVER_INTERNAL_QUIET_WAITER_H_

#include <cstdint>
#include <optional>

#include "failover/export.h"
#include "failover/internal/waiter.h"
#include "failover/switchover_options.h"

namespace failover::internal {

// How such a wait ended, as the shard decided.
struct QuietEnd {
  enum class Kind : std::uint8_t {
    kQuiet,         // nothing is in flight but what OnOverdue::kProceed gave up
    kTimedOut,      // the wait's own timeout is over
    kEnded,         // the switchover ended
    kBlocksPoller,  // the wait would have blocked the thread that has to end it
  };
  Kind kind = Kind::kEnded;
  WorkInFlight left = {};
  SwitchoverEnd ended = SwitchoverEnd::kAborted;
};

// Held by its switchover as a request is by its shard: see Waiter.
class FAILOVER_EXPORT QuietWaiter : public Waiter {
 public:
  // Guarded as WaitEnd is.
  QuietEnd quiet_end;

 protected:
  QuietWaiter(ShardGate* its_gate, bool blocks) : Waiter(its_gate, blocks) {}
  ~QuietWaiter() = default;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_QUIET_WAITER_H_
