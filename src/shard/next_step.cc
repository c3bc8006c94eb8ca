#include "shard/next_step.h"

namespace failover::internal {

Step NextStep(State state, Event event) {
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
