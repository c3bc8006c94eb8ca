#include "api/shutdown_steps.h"

#include <utility>

namespace failover::internal {

bool ShutdownSteps::Add(const std::function<void()>& done) {
  std::function<void()> copy = done;
  const MutexLock lock(mutex_);
  if (over_) return false;
  done_.push_back(std::move(copy));
  return true;
}

void ShutdownSteps::Begin(Instant grace_ends) {
  const MutexLock lock(mutex_);
  if (!over_ && !pending()) grace_ends_ = grace_ends;
}

void ShutdownSteps::Finish() {
  std::vector<std::function<void()>> done;
  {
    const MutexLock lock(mutex_);
    over_ = true;
    grace_ends_ = kNever;
    done.swap(done_);
  }
  runner_ = std::this_thread::get_id();
  for (const std::function<void()>& function : done) {
    if (function) function();
  }
  runner_ = std::thread::id();
}

}  // namespace failover::internal
