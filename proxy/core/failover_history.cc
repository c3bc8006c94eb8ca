#include "proxy/core/failover_history.h"

#include <algorithm>
#include <new>
#include <utility>

namespace proxy {

using failover::State;

void FailoverHistory::Note(const failover::Transition& transition) noexcept try {
  const MutexLock lock(mutex_);
  const auto last =
      std::find_if(failovers_.begin(), failovers_.end(), [&transition](const PastFailover& past) {
        return past.keyspace == transition.keyspace && past.shard == transition.shard_name;
      });
  if (last != failovers_.end()) {
    last->epoch = transition.epoch;
    if (transition.from == State::kBuffering) {
      last->released = transition.when;
      last->held = transition.held;
      last->end = std::string(transition.why);
    }
    if (transition.to == State::kIdle || transition.from == State::kDraining) {
      last->ended = transition.when;
    }
  }
  if (transition.to != State::kBuffering) return;
  PastFailover begun;
  begun.keyspace = std::string(transition.keyspace);
  begun.shard = std::string(transition.shard_name);
  begun.began = transition.when;
  begun.cause = std::string(transition.why);
  begun.epoch = transition.epoch;
  failovers_.push_front(std::move(begun));
  if (failovers_.size() > kMost) failovers_.pop_back();
} catch (const std::bad_alloc&) {
  return;
}

std::vector<PastFailover> FailoverHistory::Latest() const {
  const MutexLock lock(mutex_);
  return {failovers_.begin(), failovers_.end()};
}

}  // namespace proxy
