#include "poller.h"

#include <algorithm>
#include <chrono>

namespace failover::test {

void Poller::Wake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void Poller::Start(Buffer& buffer, int speed) {
  thread_ = std::thread([this, &buffer, speed] { Run(buffer, speed); });
}

void Poller::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Poller::Run(Buffer& buffer, int speed) {
  for (;;) {
    const absl::Duration idle_for = std::min(buffer.Poll() / speed, absl::Minutes(10));
    const auto due = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(idle_for);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_until(lock, due, [this] { return woken_ || stopping_; });
    woken_ = false;
    if (stopping_) return;
  }
}

}  // namespace failover::test
