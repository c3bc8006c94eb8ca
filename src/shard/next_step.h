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

// The whole state machine. docs/design.md explains the table. No default: the compiler names the
// rows that a new state or event lacks. In the header, because a call would cost each held request
// more than the decision.
constexpr Step NextStep(State state, Event event) {
  switch (state) {
    case State::kIdle:
      switch (event) {
        case Event::kRequest:
          return Step::kPass;
        case Event::kFailedRequest:
        case Event::kStartCommand:
          return Step::kStart;
        case Event::kFailoverEnd:
          return Step::kIgnore;
        case Event::kDrainEnd:
          return Step::kCannotHappen;
      }
      break;
    case State::kBuffering:
      switch (event) {
        case Event::kRequest:
        case Event::kFailedRequest:
          return Step::kHold;
        case Event::kFailoverEnd:
          return Step::kStop;
        case Event::kStartCommand:
          return Step::kIgnore;
        case Event::kDrainEnd:
          return Step::kCannotHappen;
      }
      break;
    case State::kDraining:
      switch (event) {
        // The failover is over, so the failure must have raced with the end of the failover. The
        // request retries at once.
        case Event::kRequest:
        case Event::kFailedRequest:
          return Step::kPass;
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
