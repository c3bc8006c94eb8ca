#include "run/inbox_core.h"

#include <cassert>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "shard/downcasts.h"

namespace failover::internal {
namespace {

// A callback may take its time, and the reading that its successors share gets old meanwhile.
constexpr int kCallbacksPerReading = 64;

// How many inboxes have the calling thread as their own.
thread_local int inboxes_at_home = 0;

// The poll that runs on the calling thread. A callback may poll another inbox of the thread.
thread_local InboxTurn* turn_here = nullptr;

// The turn takes a share of the ownership, unless it has one.
void Enter(InboxTurn& turn, RefCounted& owner) {
  if (turn.owner == &owner) return;
  owner.Ref();
  if (RefCounted* const before = std::exchange(turn.owner, &owner)) before->Unref();
  turn.time.reset();
}

}  // namespace

bool InboxCore::IsHomeThread() { return inboxes_at_home > 0; }

InboxTurn* InboxCore::TurnOf(const RefCounted& owner) {
  return turn_here != nullptr && turn_here->owner == &owner ? turn_here : nullptr;
}

// ---- Members ------------------------------------------------------------------------------------

void InboxCore::Join(Waiter* waiter) {
  ShardOf(*waiter).owner().Ref();
  const MutexLock lock(mutex_);
  waiter->inbox_previous = nullptr;
  waiter->inbox_next = members_;
  if (members_ != nullptr) members_->inbox_previous = waiter;
  members_ = waiter;
}

void InboxCore::Unlink(Waiter* waiter) {
  (waiter->inbox_previous != nullptr ? waiter->inbox_previous->inbox_next : members_) =
      waiter->inbox_next;
  if (waiter->inbox_next != nullptr) waiter->inbox_next->inbox_previous = waiter->inbox_previous;
}

void InboxCore::Leave(Waiter* waiter) {
  const MutexLock lock(mutex_);
  Unlink(waiter);
}

bool InboxCore::TakeBack(Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (waiter->place() != Place::kReady) return false;
  ready_.Remove(waiter);
  Unlink(waiter);
  waiter->set_place(Place::kLeft);
  return true;
}

Waiter* InboxCore::FirstToDiscard(const ShardBuffer& shard) {
  const MutexLock lock(mutex_);
  if (members_ == nullptr || members_->gate != &shard) return nullptr;
  discarded_ = members_;
  discarder_ = std::this_thread::get_id();
  return members_;
}

void InboxCore::Discarded() {
  bool watched = false;
  {
    const MutexLock lock(mutex_);
    discarded_ = nullptr;
    watched = watchers_ > 0;
  }
  if (watched) something_ended_.NotifyAll();
}

void InboxCore::WaitWhileDiscarded(const Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (discarder_ == std::this_thread::get_id()) return;
  ++watchers_;
  while (discarded_ == waiter) something_ended_.Wait(mutex_);
  --watchers_;
}

ShardBuffer* InboxCore::ShardOfAny() {
  const MutexLock lock(mutex_);
  if (members_ == nullptr) return nullptr;
  ShardBuffer& shard = ShardOf(*members_);
  shard.owner().Ref();
  return &shard;
}

// ---- Deliveries and wake-ups --------------------------------------------------------------------

void InboxCore::Deliver(WaiterList* waiters, InboxCore** bells) {
  while (!waiters->empty()) {
    InboxCore& inbox = *waiters->front()->inbox;
    const MutexLock lock(inbox.mutex_);
    while (!waiters->empty() && waiters->front()->inbox == &inbox) {
      inbox.ready_.PushBack(waiters->PopFront());
    }
    if (inbox.bell_ != Bell::kQuiet || inbox.closed_) continue;
    inbox.bell_ = Bell::kDue;
    // A thread that is about to ring, or that rings, looks at the bell again before it leaves.
    if (std::exchange(inbox.has_ringer_, true)) continue;
    inbox.Ref();
    inbox.next_bell_ = std::exchange(*bells, &inbox);
  }
}

void InboxCore::Ring(InboxCore* bells) noexcept {
  while (bells != nullptr) {
    InboxCore* const inbox = std::exchange(bells, bells->next_bell_);
    inbox->RingOne();
    inbox->Unref();
  }
}

void InboxCore::RingOne() noexcept {
  FAILOVER_SYNC_POINT("inbox:before-ring");
  while (TakeTurnToRing()) {
    if (wakeup_) wakeup_();
    FAILOVER_SYNC_POINT("inbox:rang");
  }
}

bool InboxCore::TakeTurnToRing() {
  bool watched = false;
  bool due = false;
  {
    const MutexLock lock(mutex_);
    due = bell_ == Bell::kDue && !closed_;
    if (due) {
      bell_ = Bell::kRung;
      in_wakeup_ = std::this_thread::get_id();
    } else {
      in_wakeup_ = std::thread::id();
      has_ringer_ = false;
      watched = watchers_ > 0;
    }
  }
  if (watched) something_ended_.NotifyAll();
  return due;
}

// ---- The inbox's thread -------------------------------------------------------------------------

bool InboxCore::BeginPoll() {
  {
    const MutexLock lock(mutex_);
    if (home_ == std::thread::id() && !closed_) {
      home_ = std::this_thread::get_id();
      ++inboxes_at_home;
    }
    if (home_ == std::this_thread::get_id() && !polling_) {
      polling_ = true;
      // The loop that polls looks at the list again before it leaves.
      bell_ = Bell::kRung;
      return true;
    }
  }
  if (!misuse_logged_.exchange(true)) {
    Logger(nullptr).Log(LogLevel::kError,
                        "Inbox::Poll was called inside a callback of the inbox, or on another "
                        "thread than its first call; that call did nothing");
  }
  return false;
}

Waiter* InboxCore::NextToRun(bool may_run, bool* more) {
  bool watched = false;
  Waiter* waiter = nullptr;
  {
    const MutexLock lock(mutex_);
    running_ = nullptr;
    watched = watchers_ > 0;
    if (may_run && !closed_ && !ready_.empty()) {
      waiter = ready_.PopFront();
      Unlink(waiter);
      waiter->set_place(Place::kRunning);
      running_ = waiter;
    } else {
      polling_ = false;
      *more = !closed_ && !ready_.empty();
      bell_ = *more ? Bell::kRung : Bell::kQuiet;
    }
  }
  if (watched) something_ended_.NotifyAll();
  return waiter;
}

bool InboxCore::Poll(int max_callbacks) {
  if (!BeginPoll()) return false;
  // A callback may destroy the Inbox.
  Ref();
  const bool more = RunTurn(max_callbacks);
  Unref();
  return more;
}

bool InboxCore::RunTurn(int max_callbacks) {
  InboxTurn turn;
  InboxTurn* const outer = std::exchange(turn_here, &turn);
  bool more = false;
  for (int ran = 0; Waiter* const waiter = NextToRun(ran < max_callbacks, &more); ++ran) {
    FAILOVER_SYNC_POINT("inbox:before-callback");
    // *waiter may be gone when Complete returns.
    RefCounted& owner = ShardOf(*waiter).owner();
    Enter(turn, owner);
    if (ran % kCallbacksPerReading == 0) turn.time.reset();
    waiter->Complete();
    owner.Unref();
  }
  turn_here = outer;
  if (turn.owner != nullptr) turn.owner->Unref();
  return more;
}

void InboxCore::WaitWhileRunning(const Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (home_ == std::this_thread::get_id()) return;
  ++watchers_;
  while (running_ == waiter) something_ended_.Wait(mutex_);
  --watchers_;
}

void InboxCore::Close() {
  bool elsewhere = false;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    const std::thread::id here = std::this_thread::get_id();
    const bool at_home = home_ == here;
    elsewhere = home_ != std::thread::id() && !at_home;
    // A thread may have the number of a thread of before, which ended without its inbox.
    if (at_home && inboxes_at_home > 0) --inboxes_at_home;
    ++watchers_;
    while (polling_ && !at_home) something_ended_.Wait(mutex_);
    while (in_wakeup_ != std::thread::id() && in_wakeup_ != here) something_ended_.Wait(mutex_);
    --watchers_;
  }
  if (elsewhere) {
    Logger(nullptr).Log(LogLevel::kError,
                        "an Inbox was destroyed on another thread than the one that polled it");
  }
  // No thread reads the function any more: TakeTurnToRing returns false from now on.
  wakeup_ = nullptr;
}

}  // namespace failover::internal
