// How long to wait before something that has failed is tried again.
#ifndef FAILOVER_PROXY_CORE_BACKOFF_H_
#define FAILOVER_PROXY_CORE_BACKOFF_H_

#include <algorithm>
#include <chrono>

namespace proxy {

// The pauses double from `first` to `longest`. Not thread-safe.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration first, Duration longest) : first_(first), longest_(longest), next_(first) {}

  // The pause after one more failure.
  Duration Failed() {
    const Duration pause = next_;
    next_ = std::min(next_ * 2, longest_);
    return pause;
  }
  void Succeeded() { next_ = first_; }

 private:
  const Duration first_;
  const Duration longest_;
  Duration next_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_BACKOFF_H_
