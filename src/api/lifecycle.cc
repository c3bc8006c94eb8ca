#include "api/lifecycle.h"

#include <cassert>

namespace failover::internal {

LifecycleTransition NextTransition(LifecycleState state, LifecycleEvent event) {
  using State = LifecycleState;
  using Event = LifecycleEvent;
  using Step = LifecycleStep;
  switch (state) {
    case State::kOpen:
      switch (event) {
        case Event::kShutdown:
        case Event::kShutdownInCallback:
        case Event::kBegin:
        case Event::kDestruction:
          return {State::kClosing, Step::kClose};
        case Event::kPolled:
        case Event::kLastTurn:
        case Event::kShardsClosed:
        case Event::kFinished:
          return {state, Step::kImpossible};
      }
      break;
    case State::kClosing:
      switch (event) {
        case Event::kShutdown:
        case Event::kDestruction:
        // Retries and callbacks cannot end before every shard has released its requests.
        case Event::kLastTurn:
          return {state, Step::kWait};
        case Event::kShutdownInCallback:
        case Event::kBegin:
        // The thread that closes the shards wakes the poller afterwards.
        case Event::kPolled:
          return {state, Step::kReturn};
        case Event::kShardsClosed:
          return {State::kClosed, Step::kReturn};
        case Event::kFinished:
          return {state, Step::kImpossible};
      }
      break;
    case State::kClosed:
      switch (event) {
        case Event::kShutdown:
        case Event::kPolled:
        case Event::kDestruction:
          return {State::kFinishing, Step::kFinish};
        case Event::kShutdownInCallback:
        case Event::kBegin:
        case Event::kLastTurn:
          return {state, Step::kReturn};
        case Event::kShardsClosed:
        case Event::kFinished:
          return {state, Step::kImpossible};
      }
      break;
    case State::kFinishing:
      switch (event) {
        case Event::kShutdown:
        case Event::kDestruction:
          return {state, Step::kWait};
        case Event::kShutdownInCallback:
        case Event::kBegin:
        case Event::kPolled:
        case Event::kLastTurn:
          return {state, Step::kReturn};
        case Event::kFinished:
          return {State::kShutDown, Step::kReturn};
        case Event::kShardsClosed:
          return {state, Step::kImpossible};
      }
      break;
    case State::kShutDown:
      switch (event) {
        case Event::kShutdown:
        case Event::kBegin:
        case Event::kPolled:
        case Event::kLastTurn:
          return {state, Step::kReturn};
        case Event::kDestruction:
          return {State::kDestroyed, Step::kDestroy};
        // No callback runs any more.
        case Event::kShutdownInCallback:
        case Event::kShardsClosed:
        case Event::kFinished:
          return {state, Step::kImpossible};
      }
      break;
    case State::kDestroyed:
      switch (event) {
        // A call that took part in the shutdown before the destructor went on still asks what is
        // left to do.
        case Event::kShutdown:
        case Event::kBegin:
        case Event::kPolled:
          return {state, Step::kReturn};
        case Event::kShutdownInCallback:
        case Event::kLastTurn:
        case Event::kDestruction:
        case Event::kShardsClosed:
        case Event::kFinished:
          return {state, Step::kImpossible};
      }
      break;
  }
  return {state, LifecycleStep::kImpossible};
}

LifecycleStep Lifecycle::Advance(LifecycleEvent event) {
  const MutexLock lock(mutex_);
  for (;;) {
    const LifecycleState state = state_.load();
    const auto [next, step] = NextTransition(state, event);
    assert(step != LifecycleStep::kImpossible);
    if (next != state) {
      state_.store(next);
      changed_.NotifyAll();
    }
    if (step != LifecycleStep::kWait) return step;
    changed_.Wait(mutex_);
  }
}

void Lifecycle::NoticeFreeSlot() {
  const MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Lifecycle::AwaitSlots(const SlotPool& pool, std::chrono::steady_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  while (!grace_ended_ && pool.taken_slots() > 0) {
    if (!changed_.WaitUntil(mutex_, deadline)) return;
  }
}

void Lifecycle::EndGrace() {
  const MutexLock lock(mutex_);
  grace_ended_ = true;
  changed_.NotifyAll();
}

void Lifecycle::AwaitCallers() {
  const MutexLock lock(mutex_);
  while (callers_.load() > 0) changed_.Wait(mutex_);
}

}  // namespace failover::internal
