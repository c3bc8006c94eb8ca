#include "blocking_caller.h"

#include <utility>

namespace failover::simulation {

BlockingCaller::BlockingCaller() : thread_([this] { Run(); }) {}

BlockingCaller::~BlockingCaller() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BlockingCaller::Start(std::function<Result()> call) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    call_ = std::move(call);
  }
  changed_.notify_all();
}

bool BlockingCaller::Returned() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return result_.has_value();
}

std::optional<BlockingCaller::Result> BlockingCaller::Take(std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return result_.has_value(); });
  return std::exchange(result_, std::nullopt);
}

void BlockingCaller::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ends_ || call_ != nullptr; });
    if (ends_) return;
    std::function<Result()> call = std::exchange(call_, nullptr);
    lock.unlock();
    Result result = call();
    lock.lock();
    result_.emplace(std::move(result));
    changed_.notify_all();
  }
}

}  // namespace failover::simulation
