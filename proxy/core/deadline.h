// Ends what takes too long.
#ifndef FAILOVER_PROXY_CORE_DEADLINE_H_
#define FAILOVER_PROXY_CORE_DEADLINE_H_

#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/time/time.h"
#include "proxy/core/asio_types.h"

namespace mysql_proxy {

// Calls `action` on the event loop when the time is over, unless it is gone by then.
class Deadline {
 public:
  Deadline(const Executor& executor, absl::Duration timeout, std::function<void()> action)
      : timer_(executor), action_(std::make_shared<std::function<void()>>(std::move(action))) {
    timer_.expires_after(absl::ToChronoMilliseconds(timeout));
    // The handler may be on its way already when *this goes.
    timer_.async_wait([weak = std::weak_ptr(action_)](std::error_code error) {
      const auto armed = weak.lock();
      if (!error && armed != nullptr) (*armed)();
    });
  }

 private:
  Timer timer_;
  const std::shared_ptr<std::function<void()>> action_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_CORE_DEADLINE_H_
