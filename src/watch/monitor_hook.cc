#include "failover/watch/monitor_hook.h"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "failover/transition.h"
#include "watch/check_requests.h"

namespace failover::watch {

using failover::internal::MutexLock;
using internal::CheckRequests;

struct MonitorHook::State {
  void Remember(std::string_view keyspace, std::string_view shard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Forget(std::string_view keyspace, std::string_view shard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  failover::internal::Mutex mutex;
  // The shards that hold requests: keyspace and shard.
  std::vector<std::pair<std::string, std::string>> holding ABSL_GUARDED_BY(mutex);
  std::vector<std::weak_ptr<CheckRequests>> monitors ABSL_GUARDED_BY(mutex);
};

void MonitorHook::State::Remember(std::string_view keyspace, std::string_view shard) {
  Forget(keyspace, shard);
  try {
    holding.emplace_back(keyspace, shard);
  } catch (const std::bad_alloc&) {
    // Only a monitor that is attached during this hold does without the knowledge. A throw would
    // end the program, because the Buffer calls the hook.
  }
}

void MonitorHook::State::Forget(std::string_view keyspace, std::string_view shard) {
  const auto is_shard = [&](const auto& name) {
    return name.first == keyspace && name.second == shard;
  };
  holding.erase(std::remove_if(holding.begin(), holding.end(), is_shard), holding.end());
}

MonitorHook::MonitorHook() : state_(std::make_shared<State>()) {}

void MonitorHook::operator()(const Transition& transition) const {
  const bool holds = transition.to == failover::State::kBuffering;
  if (!holds && transition.from != failover::State::kBuffering) return;
  const MutexLock lock(state_->mutex);
  if (holds) {
    state_->Remember(transition.keyspace, transition.shard_name);
  } else {
    state_->Forget(transition.keyspace, transition.shard_name);
  }
  // The lock is kept, so that a monitor that is attached at the same time learns the changes in
  // order. CheckRequests never waits.
  for (const std::weak_ptr<CheckRequests>& monitor : state_->monitors) {
    const std::shared_ptr<CheckRequests> requests = monitor.lock();
    if (requests == nullptr) continue;
    requests->SetHolding(transition.keyspace, transition.shard_name, holds);
  }
}

void MonitorHook::Attach(const std::shared_ptr<CheckRequests>& requests) const {
  const MutexLock lock(state_->mutex);
  auto& monitors = state_->monitors;
  monitors.erase(std::remove_if(monitors.begin(), monitors.end(),
                                [](const auto& monitor) { return monitor.expired(); }),
                 monitors.end());
  monitors.push_back(requests);
  for (const auto& [keyspace, shard] : state_->holding) {
    requests->SetHolding(keyspace, shard, true);
  }
}

}  // namespace failover::watch
