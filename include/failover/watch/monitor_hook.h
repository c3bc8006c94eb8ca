// Tells monitors which shards of a Buffer hold requests, so that the monitors check the servers of
// these shards at once and more often (MonitorOptions::urgent_interval).
//
// A Buffer takes its on_transition when it is created, and a monitor takes the Buffer when the
// monitor is created. So the hook comes first, and both get a copy:
//
//   failover::watch::MonitorHook hook;
//   buffer_options.on_transition = hook;
//   auto buffer = failover::Buffer::Create(buffer_options);
//   monitor_options.hook = hook;
//   auto monitor = failover::watch::Monitor::Create(monitor_options, buffer->get());
#ifndef FAILOVER_WATCH_MONITOR_HOOK_H_
#define FAILOVER_WATCH_MONITOR_HOOK_H_

#include <memory>

#include "failover/export.h"

namespace failover {

struct Transition;  // failover/transition.h

namespace watch {

namespace internal {

class CheckRequests;

}  // namespace internal

// Copies of a hook are one hook. They share what they know, and each of them may be destroyed at
// any time: the hook, its Buffer and its monitors may end in any order. A monitor that is created
// while a shard holds requests learns of that hold from the hook.
//
// One hook serves one Buffer and any number of monitors. Thread-safe.
class FAILOVER_EXPORT MonitorHook {
 public:
  MonitorHook();

  // For BufferOptions::on_transition. Never waits for a monitor, and never throws.
  void operator()(const Transition& transition) const;

  // For the library itself. Passes on to `requests`, as long as somebody owns them, what the hook
  // is told and knows already.
  void Attach(const std::shared_ptr<internal::CheckRequests>& requests) const;

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace watch
}  // namespace failover

#endif  // FAILOVER_WATCH_MONITOR_HOOK_H_
