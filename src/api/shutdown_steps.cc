#include "api/shutdown_steps.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace failover::internal {
namespace {

// A function that the calling thread runs. The function may call another Buffer, whose function
// then runs inside of it.
struct Running {
  const ShutdownSteps* steps;
  const Running* outer;
};

thread_local const Running* innermost = nullptr;

}  // namespace

bool ShutdownSteps::Add(const std::function<void()>& done) {
  std::function<void()> copy = done;
  const MutexLock lock(mutex_);
  if (over_) return false;
  done_.push_back(std::move(copy));
  return true;
}

void ShutdownSteps::Begin(Instant grace_ends) {
  const MutexLock lock(mutex_);
  if (over_ || pending()) return;
  grace_ends_ = std::min(grace_ends, kNever - std::chrono::nanoseconds(1));
}

void ShutdownSteps::Finish() {
  std::vector<std::function<void()>> done;
  {
    const MutexLock lock(mutex_);
    over_ = true;
    grace_ends_ = kNever;
    done.swap(done_);
  }
  for (const std::function<void()>& function : done) Run(function);
}

void ShutdownSteps::Run(const std::function<void()>& done) {
  if (!done) return;
  const Running running{this, innermost};
  innermost = &running;
  done();
  innermost = running.outer;
}

bool ShutdownSteps::IsInside() const {
  for (const Running* running = innermost; running != nullptr; running = running->outer) {
    if (running->steps == this) return true;
  }
  return false;
}

}  // namespace failover::internal
