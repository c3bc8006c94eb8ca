#include "run/dispatcher.h"

#include <cassert>
#include <limits>
#include <utility>

#include "base/sync_point.h"

namespace failover::internal {
namespace {

// After so many callbacks Poll returns, so that an event loop can do other work.
constexpr std::size_t kCallbacksPerTurn = 1024;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

}  // namespace

void Dispatcher::ReserveTimers(std::size_t count) {
  const MutexLock lock(mutex_);
  timers_.Reserve(count);
}

void Dispatcher::Collect(ShardBuffer& shard, Effects* effects) {
  const Instant due = shard.NextDue();
  // The shard's mutex is held, which is enough to read its timer.
  if (effects->ready.empty() && due >= shard.due && !effects->timer_fired) return;
  const MutexLock lock(mutex_);
  if (due < shard.due || effects->timer_fired) SetTimer(&shard, due);
  Instant poll_due = timers_.empty() ? kNever : timers_.top()->due;
  if (!effects->ready.empty()) poll_due = kLongAgo;
  ready_.Append(&effects->ready);
  // A thread that polls looks at the list and the timers again before it leaves.
  if (polling_ || closed_ || poll_due >= next_poll_) return;
  next_poll_ = poll_due;
  ++wakeups_under_way_;
  effects->wake_poller = true;
}

bool Dispatcher::MustWakeFor(Instant due) {
  const MutexLock lock(mutex_);
  if (polling_ || closed_ || due >= next_poll_) return false;
  next_poll_ = due;
  ++wakeups_under_way_;
  return true;
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

PollTurn Dispatcher::Poll(PollMode mode) {
  if (!BeginTurn(mode)) return {};
  FireDueTimers();
  RunReady(mode == PollMode::kOneTurn ? kCallbacksPerTurn : kNoLimit);
  SettleFirstTimer();
  FAILOVER_SYNC_POINT("poll:before-end");
  return EndTurn(client_.Now());
}

bool Dispatcher::BeginTurn(PollMode mode) {
  const MutexLock lock(mutex_);
  if (polling_ && mode == PollMode::kOneTurn) return false;
  // A thread that polls would wait for itself. A clock or a log sink that calls Shutdown does that.
  assert(!polling_ || poller_ != std::this_thread::get_id());
  ++watchers_;
  while (polling_) something_ended_.Wait(mutex_);
  --watchers_;
  polling_ = true;
  poller_ = std::this_thread::get_id();
  // Relaxed, as PollsHere explains.
  polls_here_.store(poller_, std::memory_order_relaxed);
  return true;
}

void Dispatcher::FireDueTimers() {
  turn_began_ = client_.Now();
  while (ShardBuffer* const shard = FirstTimer(turn_began_)) client_.OnTimer(*shard, turn_began_);
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

// A timer stays set when the request that it was set for leaves early. The first timer must be
// right, because the answer of Poll depends on it.
void Dispatcher::SettleFirstTimer() {
  while (ShardBuffer* const shard = FirstTimer(kNever)) {
    const MutexLock shard_lock(shard->mutex());
    const Instant due = shard->NextDue();
    if (due == shard->due) return;
    const MutexLock lock(mutex_);
    SetTimer(shard, due);
  }
}

PollTurn Dispatcher::EndTurn(Instant now) {
  PollTurn turn;
  turn.ran = true;
  Instant due = kNever;
  bool watched = false;
  {
    const MutexLock lock(mutex_);
    polling_ = false;
    polls_here_.store(std::thread::id(), std::memory_order_relaxed);
    turn.last = std::exchange(last_turn_, false);
    if (!timers_.empty()) due = timers_.top()->due;
    if (!ready_.empty() || (due <= now && due != kNever)) due = kLongAgo;
    next_poll_ = due;
    watched = watchers_ > 0;
  }
  FAILOVER_SYNC_POINT("poll:ended");
  if (watched) something_ended_.NotifyAll();
  if (due == kLongAgo) {
    turn.idle_for = absl::ZeroDuration();
  } else if (due != kNever) {
    turn.idle_for = absl::FromChrono(due - now);
  }
  return turn;
}

ShardBuffer* Dispatcher::FirstTimer(Instant now) {
  const MutexLock lock(mutex_);
  return timers_.empty() || timers_.top()->due > now ? nullptr : timers_.top();
}

void Dispatcher::SetTimer(ShardBuffer* shard, Instant due) {
  shard->due = due;
  if (due == kNever) {
    if (timers_.Contains(shard)) timers_.Remove(shard);
  } else if (timers_.Contains(shard)) {
    timers_.Update(shard);
  } else {
    timers_.Add(shard);
  }
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

bool Dispatcher::InsideCallback() {
  const MutexLock lock(mutex_);
  return InsideCallbackLocked();
}

bool Dispatcher::MakeThisTurnTheLast() {
  const MutexLock lock(mutex_);
  if (!InsideCallbackLocked()) return false;
  last_turn_ = true;
  return true;
}

bool Dispatcher::InsideCallbackLocked() const {
  return running_ != nullptr && poller_ == std::this_thread::get_id();
}

bool Dispatcher::IsIdle() const { return ready_.empty() && running_ == nullptr; }

void Dispatcher::Close() {
  const MutexLock lock(mutex_);
  ++watchers_;
  while (!IsIdle()) something_ended_.Wait(mutex_);
  closed_ = true;
  while (wakeups_under_way_ > 0) something_ended_.Wait(mutex_);
  --watchers_;
}

}  // namespace failover::internal
