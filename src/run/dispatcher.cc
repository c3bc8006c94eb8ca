#include "run/dispatcher.h"

#include <algorithm>

#include "base/sync_point.h"

namespace failover::internal {

void Dispatcher::ReserveTimers(std::size_t count) {
  const MutexLock lock(mutex_);
  timers_.Reserve(count);
}

void Dispatcher::Collect(Timer* timer, Instant due, Effects* effects) {
  // The owner's mutex is held, which is enough to read timer->due.
  if (effects->ready.empty() && due >= timer->due) return;
  const MutexLock lock(mutex_);
  if (due < timer->due) RearmLocked(timer, due);
  Instant poll_due = timers_.empty() ? kNever : timers_.top()->due;
  if (!effects->ready.empty()) poll_due = kLongAgo;
  ready_.Append(&effects->ready);
  // A poller at work looks again before it leaves.
  if (polling_ || closed_ || poll_due >= next_poll_) return;
  next_poll_ = poll_due;
  ++wakeups_under_way_;
  effects->wake_poller = true;
}

void Dispatcher::WakeupDone() {
  bool watched = false;
  {
    const MutexLock lock(mutex_);
    --wakeups_under_way_;
    watched = watchers_ > 0;
  }
  if (watched) something_ended_.NotifyAll();
}

void Dispatcher::Rearm(Timer* timer, Instant due) {
  const MutexLock lock(mutex_);
  RearmLocked(timer, due);
}

void Dispatcher::RearmLocked(Timer* timer, Instant due) {
  timer->due = due;
  if (due == kNever) {
    if (timers_.Contains(timer)) timers_.Remove(timer);
  } else if (timers_.Contains(timer)) {
    timers_.Update(timer);
  } else {
    timers_.Add(timer);
  }
}

Timer* Dispatcher::FirstTimer() {
  const MutexLock lock(mutex_);
  return timers_.empty() ? nullptr : timers_.top();
}

Timer* Dispatcher::FirstDue(Instant now) {
  const MutexLock lock(mutex_);
  return timers_.empty() || timers_.top()->due > now ? nullptr : timers_.top();
}

bool Dispatcher::TakeBack(Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (waiter->place() != Place::kReady) return false;
  ready_.Remove(waiter);
  waiter->set_place(Place::kLeft);
  return true;
}

void Dispatcher::WaitWhileRunning(const Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (InsideCallbackLocked()) return;
  ++watchers_;
  while (running_ == waiter) something_ended_.Wait(mutex_);
  --watchers_;
}

bool Dispatcher::TryBeginPoll() {
  const MutexLock lock(mutex_);
  if (polling_) return false;
  polling_ = true;
  poller_ = std::this_thread::get_id();
  return true;
}

void Dispatcher::BeginPoll() {
  const MutexLock lock(mutex_);
  ++watchers_;
  while (polling_) something_ended_.Wait(mutex_);
  --watchers_;
  polling_ = true;
  poller_ = std::this_thread::get_id();
}

void Dispatcher::RunReady(std::size_t limit) {
  bool watched = false;
  for (std::size_t ran = 0;; ++ran) {
    Waiter* waiter = nullptr;
    {
      const MutexLock lock(mutex_);
      watched = running_ != nullptr && watchers_ > 0;
      running_ = nullptr;
      if (!ready_.empty() && ran < limit) {
        waiter = ready_.PopFront();
        waiter->set_place(Place::kRunning);
        running_ = waiter;
      }
    }
    if (watched) something_ended_.NotifyAll();
    if (waiter == nullptr) return;
    FAILOVER_SYNC_POINT("callback:before");
    waiter->Complete();
  }
}

absl::Duration Dispatcher::EndPoll(Instant now) {
  Instant due = kNever;
  bool watched = false;
  {
    const MutexLock lock(mutex_);
    polling_ = false;
    if (!timers_.empty()) due = timers_.top()->due;
    if (!ready_.empty() || (due <= now && due != kNever)) due = kLongAgo;
    next_poll_ = due;
    watched = watchers_ > 0;
  }
  FAILOVER_SYNC_POINT("poll:ended");
  if (watched) something_ended_.NotifyAll();
  if (due == kNever) return absl::InfiniteDuration();
  return due == kLongAgo ? absl::ZeroDuration() : absl::FromChrono(due - now);
}

bool Dispatcher::InsideCallback() {
  const MutexLock lock(mutex_);
  return InsideCallbackLocked();
}

bool Dispatcher::InsideCallbackLocked() const {
  return running_ != nullptr && poller_ == std::this_thread::get_id();
}

bool Dispatcher::IsIdle() const { return ready_.empty() && running_ == nullptr; }

void Dispatcher::WaitUntilIdle() {
  const MutexLock lock(mutex_);
  ++watchers_;
  while (!IsIdle()) something_ended_.Wait(mutex_);
  --watchers_;
}

void Dispatcher::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  ++watchers_;
  while (wakeups_under_way_ > 0) something_ended_.Wait(mutex_);
  --watchers_;
}

}  // namespace failover::internal
