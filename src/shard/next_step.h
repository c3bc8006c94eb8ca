// The state machine of one shard, as a table of states and events.
#ifndef FAILOVER_SRC_SHARD_NEXT_STEP_H_
#define FAILOVER_SRC_SHARD_NEXT_STEP_H_

#include <cstdint>

#include "failover/stats.h"

namespace failover::internal {

// What can happen to a shard. E1 to E9 are the rules of docs/design.md ("What may be believed").
enum class Event : std::uint8_t {
  kRequest,                // the request has not failed, and its primary is not missed
  kRequestWithoutPrimary,  // the request has not failed, and its primary is missed (E2)
  kFailedRequest,          // a failover made the request fail (E1)
  kRefusedRetry,           // a retry was refused that was let go after the last end (E8)
  kPrimaryDown,            // a report that the primary is missed (E2)
  kStartCommand,
  kFailoverEnd,  // E3 to E7, E9, a command, an event, a shutdown
  kDrainEnd,
};

// What the shard does about an event.
enum class Step : std::uint8_t {
  kIgnore,
  kPass,
  kHold,
  kJoin,   // a request that may come back is held, unless the drain is in vain; others pass
  kStart,  // if StartGuard allows it
  kStop,
  kFinish,
  kCannotHappen,  // an assertion: the code that reports the event is wrong
};

// The whole state machine. docs/design.md explains the table. No default: the compiler names the
// rows that a new state or event lacks. In the header, because a call would cost each held request
// more than the decision.
constexpr Step NextStep(State state, Event event) {
  switch (state) {
    case State::kIdle:
      switch (event) {
        case Event::kRequest:
          return Step::kPass;
        case Event::kRequestWithoutPrimary:
        case Event::kFailedRequest:
        case Event::kRefusedRetry:
        case Event::kStartCommand:
          return Step::kStart;
        // The next request starts the failover.
        case Event::kPrimaryDown:
        case Event::kFailoverEnd:
          return Step::kIgnore;
        case Event::kDrainEnd:
          return Step::kCannotHappen;
      }
      break;
    case State::kBuffering:
      switch (event) {
        case Event::kRequest:
        case Event::kRequestWithoutPrimary:
        case Event::kFailedRequest:
        case Event::kRefusedRetry:
          return Step::kHold;
        case Event::kFailoverEnd:
          return Step::kStop;
        case Event::kPrimaryDown:
        case Event::kStartCommand:
          return Step::kIgnore;
        case Event::kDrainEnd:
          return Step::kCannotHappen;
      }
      break;
    case State::kDraining:
      switch (event) {
        case Event::kRequest:
          return Step::kPass;
        // If the failover is over, the failure must have raced with the end of the failover.
        case Event::kFailedRequest:
          return Step::kJoin;
        // The requests in the queue must not be sent to a server that is known to be down.
        case Event::kRequestWithoutPrimary:
        case Event::kRefusedRetry:
        case Event::kPrimaryDown:
          return Step::kStart;
        case Event::kDrainEnd:
          return Step::kFinish;
        case Event::kStartCommand:
        case Event::kFailoverEnd:
          return Step::kIgnore;
      }
      break;
  }
  return Step::kCannotHappen;
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_NEXT_STEP_H_
