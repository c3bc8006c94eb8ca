#include "run/service_thread.h"

#include <atomic>
#include <utility>

#include "base/sync_point.h"
#include "base/thread_without_signals.h"

namespace failover::internal {

namespace {

// When many shards fail over, they wake the thread in quick succession. A few microseconds of
// patience spare this thread a sleep each time, and spare the threads that wake it a system call.
void AwaitNextWake(const std::atomic<bool>& woken) {
  constexpr int kLooks = 200;
  // Relaxed: the value is only a hint here. The mutex orders the threads.
  for (int look = 0; look < kLooks && !woken.load(std::memory_order_relaxed); ++look) {
    PauseProcessor();
  }
}

}  // namespace

struct ServiceThread::Shared {
  explicit Shared(std::function<absl::Duration()> poll_function) : poll(std::move(poll_function)) {}

  const std::function<absl::Duration()> poll;

  Mutex mutex;
  CondVar changed;
  // Written under the mutex. The service thread also reads it without the mutex.
  std::atomic<bool> woken{false};
  bool stopping ABSL_GUARDED_BY(mutex) = false;
};

ServiceThread::ServiceThread(std::function<absl::Duration()> poll)
    : shared_(std::make_shared<Shared>(std::move(poll))),
      thread_(StartWithoutSignals([shared = shared_] { Run(shared); })),
      id_(thread_.get_id()) {}

ServiceThread::~ServiceThread() { Join(); }

void ServiceThread::Wake() {
  {
    const MutexLock lock(shared_->mutex);
    shared_->woken = true;
  }
  shared_->changed.NotifyOne();
}

void ServiceThread::Join() {
  {
    const MutexLock lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->changed.NotifyOne();
  FAILOVER_SYNC_POINT("service:before-join");
  const MutexLock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void ServiceThread::EndAfterThisPoll() {
  const MutexLock lock(shared_->mutex);
  shared_->stopping = true;
}

void ServiceThread::Detach() {
  EndAfterThisPoll();
  const MutexLock lock(join_mutex_);
  thread_.detach();
}

void ServiceThread::Run(const std::shared_ptr<Shared>& shared) {
  for (bool stopping = false; !stopping;) {
    const absl::Duration idle_for = shared->poll();
    const auto deadline = SteadyDeadline(idle_for);
    if (idle_for > absl::ZeroDuration()) AwaitNextWake(shared->woken);
    FAILOVER_SYNC_POINT("service:before-sleep");
    const MutexLock lock(shared->mutex);
    while (!shared->woken && !shared->stopping) {
      if (!shared->changed.WaitUntil(shared->mutex, deadline)) break;
    }
    shared->woken = false;
    stopping = shared->stopping;
  }
}

}  // namespace failover::internal
