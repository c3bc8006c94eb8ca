// The state machine of one shard, as a table of states and events.
#ifndef FAILOVER_SRC_SHARD_NEXT_STEP_H_
#define FAILOVER_SRC_SHARD_NEXT_STEP_H_

#include <cstdint>

#include "failover/stats.h"

namespace failover::internal {

// What can happen to a shard.
enum class Event : std::uint8_t {
  kRequest,        // the request has not failed, and its primary is not known to be down
  kFailedRequest,  // a failover made the request fail, or its primary is known to be down
  kStartCommand,
  kFailoverEnd,
  kDrainEnd,
};

// What the shard does about an event.
enum class Step : std::uint8_t {
  kIgnore,
  kPass,
  kHold,
  kStart,
  kStop,
  kFinish,
  kCannotHappen,  // an assertion: the code that reports the event is wrong
};

// The whole state machine. docs/design.md explains the table.
Step NextStep(State state, Event event);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_NEXT_STEP_H_
