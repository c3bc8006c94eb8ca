// How a shard carries out a planned switchover.
#include <algorithm>
#include <cassert>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/sync_point.h"
#include "shard/shard_buffer.h"

namespace failover::internal {
namespace {

QuietWaiter& QuietWaiterOf(Waiter& waiter) { return static_cast<QuietWaiter&>(waiter); }

// How a switchover ended, if its hold ended for this reason.
SwitchoverEnd EndOf(StopReason reason) {
  switch (reason) {
    case StopReason::kNewPrimarySeen:
      return SwitchoverEnd::kNewPrimary;
    case StopReason::kReshardingComplete:
    case StopReason::kMoveTablesSwitchedTraffic:
      return SwitchoverEnd::kShardGone;
    case StopReason::kMaxDurationExceeded:
      return SwitchoverEnd::kTimedOut;
    case StopReason::kShutdown:
      return SwitchoverEnd::kShutdown;
    case StopReason::kManual:
      return SwitchoverEnd::kAborted;
    // These two reasons never end a switchover.
    case StopReason::kPrimaryServingAgain:
    case StopReason::kRetrySucceeded:
      break;
  }
  assert(false && "no switchover ends for this reason");
  return SwitchoverEnd::kAborted;
}

}  // namespace

// ---- Counted work -------------------------------------------------------------------------------

void ShardBuffer::CountWork(Waiter* waiter) {
  const Work work = waiter->traits.work;
  if (work == Work::kUncounted) return;
  // The thread that closes the gate sums under the mutex, too, so it sees what is added here. Which
  // stripe is used does not matter.
  waiter->stripe = EnsureWorkCount() ? 0 : kGateStripe;
  AddWork(work, waiter->stripe);
}

void ShardBuffer::OnWorkEnd(Work work, std::uint8_t stripe, Effects* effects) {
  SubtractWork(work, stripe);
  LookForQuiet(effects);
}

WorkInFlight ShardBuffer::InFlight() const {
  return {SumOfWork(Work::kStatement), SumOfWork(Work::kTransaction)};
}

void ShardBuffer::LookForQuiet(Effects* effects) {
  // A switchover that is about to be aborted is not quiet any more.
  if (!IsSwitching() || must_stop_) return;
  SwitchoverRun& run = *activity_->switchover;
  if (run.stage() == SwitchoverStage::kTransactionsEnd && InFlight().transactions == 0) {
    HoldAll(/*overdue=*/false, effects);
  }
  // The gate is closed for what is summed here, and that was so before the sum began. So a sum of
  // zero is exact.
  if (!run.HoldsAll() || run.quiet()) return;
  FAILOVER_SYNC_POINT("switchover:sums");
  const WorkInFlight left = InFlight();
  const bool was_settled = run.settled();
  if (!run.NoteInFlight(left)) return;
  UpdateGate();
  if (was_settled || !run.settled()) return;
  effects->switchover = SwitchoverNews{left, /*settled=*/true, {}};
  while (!run.waiters().empty()) {
    EndQuietWait(run, run.waiters().front(), {QuietEnd::Kind::kQuiet, left, {}}, effects);
  }
}

void ShardBuffer::HoldAll(bool overdue, Effects* effects) {
  activity_->switchover->HoldAll(overdue);
  UpdateGate();
  effects->switchover = SwitchoverNews{InFlight(), /*settled=*/false, {}};
}

// ---- The beginning ------------------------------------------------------------------------------

ShardBuffer::Begun ShardBuffer::OnBeginSwitchover(Instant now, const SwitchoverTerms& wanted,
                                                  Effects* effects) {
  if (closed_) return {BeginRefusal::kShutDown, nullptr};
  if (mode_ != Mode::kEnabled) return {BeginRefusal::kDoesNotBuffer, nullptr};
  now = Advance(now, effects);
  GoOn(now, effects);
  if (NextStep(state_, Event::kStartCommand) != Step::kStart) {
    return {BeginRefusal::kNotIdle, nullptr};
  }
  std::shared_ptr<SwitchoverRun> run;
  try {
    std::optional<TabletAlias> old_primary;
    if (primary_.believed() != nullptr) old_primary = *primary_.believed();
    run = std::make_shared<SwitchoverRun>(wanted, now, terms().window, std::move(old_primary));
  } catch (const std::bad_alloc&) {
    return {BeginRefusal::kNoMemory, nullptr};
  }
  if (!EnsureActivity()) return {BeginRefusal::kNoMemory, nullptr};
  activity_->switchover = run;
  Start(now, HoldCause::kSwitchover, /*on_suspicion=*/false, effects);
  LookForQuiet(effects);
  return {BeginRefusal::kNone, std::move(run)};
}

bool ShardBuffer::PassesInSwitchover(Work work) const {
  return IsSwitching() && !activity_->switchover->HoldsAll() && work != Work::kTransaction;
}

// ---- The end ------------------------------------------------------------------------------------

std::optional<SwitchoverEnd> ShardBuffer::OnCommit(Instant now, SwitchoverRun& run,
                                                   Effects* effects) {
  now = Monotonic(now);
  // What is due comes first: a switchover whose time is over is called off.
  EndMissedSwitchover(now, effects);
  if (!run.end().has_value()) OnSwitchoverTimer(now, effects);
  if (run.end().has_value()) return run.end();
  assert(activity_->switchover.get() == &run);
  if (run.IsAnother(primary_.believed()) && !primary_.IsDown()) {
    EndSwitchover(SwitchoverEnd::kCommitted, effects);
    Stop(StopReason::kManual, now, /*new_connections=*/true, effects);
    return std::nullopt;
  }
  if (!run.IsAnother(primary_.believed())) primary_.GiveUp(now);
  activity_->hold.OnCommit(terms().max_failover_duration);
  last_down_ = NextEvent();
  // Connections of before lead to the primary that is given up.
  GrowEpoch();
  EndSwitchover(SwitchoverEnd::kCommitted, effects);
  UpdateGate();
  return std::nullopt;
}

bool ShardBuffer::OnAbort(Instant now, SwitchoverRun& run, SwitchoverEnd end, Effects* effects) {
  if (run.end().has_value()) return false;
  assert(activity_->switchover.get() == &run);
  EndSwitchover(end, effects);
  StopSwitchover(StopReason::kManual, Monotonic(now), effects);
  return true;
}

void ShardBuffer::StopSwitchover(StopReason reason, Instant now, Effects* effects) {
  // The requests are not let go to a server that is known to be down: the drain waits, and begins
  // an ordinary hold.
  if (primary_.IsMissed() && !IsLatched()) {
    activity_->drain_waits_until = After(primary_.down_since(), terms().down_confirmation);
  }
  Stop(reason, now, /*new_connections=*/false, effects);
}

void ShardBuffer::EndSwitchover(SwitchoverEnd end, Effects* effects) {
  if (!IsSwitching()) return;
  const std::shared_ptr<SwitchoverRun> run = std::move(activity_->switchover);
  activity_->switchover = nullptr;
  run->End(end);
  KeepWindow(run->window());
  effects->switchover = SwitchoverNews{InFlight(), run->settled(), end};
  while (!run->waiters().empty()) {
    EndQuietWait(*run, run->waiters().front(), {QuietEnd::Kind::kEnded, {}, end}, effects);
  }
}

void ShardBuffer::EndSwitchoverBecause(StopReason reason, Effects* effects) {
  if (IsSwitching()) EndSwitchover(EndOf(reason), effects);
}

// ---- Time ---------------------------------------------------------------------------------------

void ShardBuffer::OnSwitchoverTimer(Instant now, Effects* effects) {
  if (!IsSwitching()) return;
  SwitchoverRun& run = *activity_->switchover;
  if (activity_->hold.end() <= now) {
    EndSwitchover(SwitchoverEnd::kTimedOut, effects);
    StopSwitchover(StopReason::kMaxDurationExceeded, now, effects);
    return;
  }
  if (run.grace_ends() <= now) {
    if (run.terms().on_overdue == OnOverdue::kAbort) {
      OnAbort(now, run, SwitchoverEnd::kOverdue, effects);
      return;
    }
    HoldAll(/*overdue=*/true, effects);
    LookForQuiet(effects);
  }
  TimeOutQuietWaits(now, run, effects);
}

void ShardBuffer::TimeOutQuietWaits(Instant now, SwitchoverRun& run, Effects* effects) {
  Waiter* next = nullptr;
  for (Waiter* waiter = run.waiters().front(); waiter != nullptr; waiter = next) {
    next = waiter->next;
    if (waiter->deadline > now) continue;
    EndQuietWait(run, waiter, {QuietEnd::Kind::kTimedOut, InFlight(), {}}, effects);
  }
}

Instant ShardBuffer::SwitchoverDue() const {
  if (!IsSwitching()) return kNever;
  const SwitchoverRun& run = *activity_->switchover;
  return std::min(run.grace_ends(), run.first_deadline());
}

// ---- Waits for quiet ----------------------------------------------------------------------------

bool ShardBuffer::OnQuietWait(Instant now, SwitchoverRun& run, std::chrono::nanoseconds timeout,
                              bool blocks_poller, QuietWaiter* waiter) {
  now = Monotonic(now);
  if (run.end().has_value()) {
    waiter->quiet_end = {QuietEnd::Kind::kEnded, {}, *run.end()};
    return false;
  }
  if (run.settled()) {
    // Only overdue transactions may be left. What the gate stops at this moment counts as well, so
    // nothing is summed once the shard is quiet.
    WorkInFlight left;
    if (!run.quiet()) left.transactions = InFlight().transactions;
    waiter->quiet_end = {QuietEnd::Kind::kQuiet, left, {}};
    return false;
  }
  if (timeout <= std::chrono::nanoseconds::zero()) {
    waiter->quiet_end = {QuietEnd::Kind::kTimedOut, InFlight(), {}};
    return false;
  }
  if (blocks_poller) {
    waiter->quiet_end = {QuietEnd::Kind::kBlocksPoller, {}, {}};
    return false;
  }
  waiter->deadline = timeout == std::chrono::nanoseconds::max() ? kNever : After(now, timeout);
  // A blocked thread then ends the switchover itself at the end of its hold, if nobody polls.
  waiter->window_end = activity_->hold.end();
  waiter->set_place(Place::kHeld);
  run.waiters().PushBack(waiter);
  return true;
}

void ShardBuffer::EndQuietWait(SwitchoverRun& run, Waiter* waiter, const QuietEnd& end,
                               Effects* effects) {
  run.waiters().Remove(waiter);
  QuietWaiterOf(*waiter).quiet_end = end;
  Deliver(waiter, {}, effects);
}

void ShardBuffer::OnCancelQuietWait(QuietWaiter* waiter) {
  activity_->switchover->waiters().Remove(waiter);
  waiter->set_place(Place::kLeft);
}

}  // namespace failover::internal
