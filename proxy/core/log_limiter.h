// Keeps a log readable when the same thing happens again and again.
#ifndef FAILOVER_PROXY_CORE_LOG_LIMITER_H_
#define FAILOVER_PROXY_CORE_LOG_LIMITER_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "proxy/core/mutex.h"

namespace proxy {

// Lets one event per period be logged. Thread-safe.
class LogLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LogLimiter(Clock::duration period) : period_(period) {}

  // Notes an event. nullopt: the event is not to be logged. Otherwise: how many events have not
  // been logged since the last event that was.
  std::optional<std::uint64_t> Note(Clock::time_point now = Clock::now()) {
    const MutexLock lock(mutex_);
    if (last_.has_value() && now - *last_ < period_) {
      ++skipped_;
      return std::nullopt;
    }
    last_ = now;
    const std::uint64_t skipped = skipped_;
    skipped_ = 0;
    return skipped;
  }

 private:
  const Clock::duration period_;

  Mutex mutex_;
  std::optional<Clock::time_point> last_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t skipped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_LOG_LIMITER_H_
