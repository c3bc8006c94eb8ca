// Ends what takes too long.
#ifndef FAILOVER_PROXY_CORE_DEADLINE_H_
#define FAILOVER_PROXY_CORE_DEADLINE_H_

#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/time/time.h"
#include "proxy/core/asio_types.h"

namespace proxy {

// Calls `action` on the event loop when `timeout` is over, unless the Deadline was destroyed
// before. Used on its event loop only.
class Deadline {
 public:
  Deadline(const Executor& executor, absl::Duration timeout, std::function<void()> action)
      : timer_(executor), action_(std::make_shared<std::function<void()>>(std::move(action))) {
    timer_.expires_after(absl::ToChronoMilliseconds(timeout));
    // When the Deadline is destroyed, the timer's handler may be queued already. The weak pointer
    // keeps such a handler from running the action.
    timer_.async_wait([weak = std::weak_ptr(action_)](std::error_code error) {
      const auto armed = weak.lock();
      if (!error && armed != nullptr) (*armed)();
    });
  }

 private:
  Timer timer_;
  const std::shared_ptr<std::function<void()>> action_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_DEADLINE_H_
