// How a shard takes other options while it runs.
#include <chrono>
#include <cstddef>

#include "shard/shard_buffer.h"

namespace failover::internal {

void ShardBuffer::ReserveTerms() {
  if (activity_ == nullptr) return;
  // The end of a switchover makes the window of an earlier reload act.
  activity_->queue.ReserveWindows(IsSwitching() ? 2 : 1);
}

bool ShardBuffer::FollowTerms(Instant now, std::uint8_t terms_index, Mode mode,
                              const DisabledLane& lane) {
  // The shard became known after the terms had changed.
  if (terms_index_ == terms_index) return false;
  now = Monotonic(now);
  const std::chrono::nanoseconds window = Window();
  const ShardTerms& before = terms();
  const ShardTerms& after = context_.terms[terms_index];
  if (activity_ != nullptr) {
    const Instant from = state_ == State::kBuffering ? activity_->hold.began() : now;
    activity_->guard.ChangeTerms(before.budget(), after.budget(), from);
  }
  const bool takes_lane = mode == Mode::kDisabled && LacksDisabledLane();
  if (takes_lane) {
    disabled_counters_ = lane.counters;
    lane_ = lane.lane;
  }
  if (mode != mode_) {
    // An ordinary hold goes on if the shard is enabled again before OnNewTerms. A switchover does
    // not, because it has missed what passed meanwhile.
    must_stop_ = mode == Mode::kEnabled ? must_stop_ && IsSwitching()
                                        : must_stop_ || state_ == State::kBuffering;
    if (must_stop_ && IsSwitching()) activity_->switchover->ForgetQuiet();
  }
  terms_index_ = terms_index;
  mode_ = mode;
  KeepWindow(window);
  UpdateGate();
  return takes_lane;
}

void ShardBuffer::OnNewTerms(Instant now, Effects* effects) {
  if (closed_ || activity_ == nullptr) return;
  Activity& activity = *activity_;
  ReserveTurns();
  now = Advance(now, effects);
  if (must_stop_) StopForTerms(now, effects);
  if (mode_ != Mode::kEnabled) activity.drain_waits_until = kLongAgo;
  if (state_ == State::kDraining) {
    activity.turns.ChangeLimits(terms().drain_concurrency, terms().drain_concurrency_max);
  }
  GoOn(now, effects);
}

void ShardBuffer::KeepWindow(std::chrono::nanoseconds before) {
  if (activity_ == nullptr || Window() == before) return;
  HeldQueue& queue = activity_->queue;
  // A retry may come back, and then it has the window of before, too.
  if (queue.empty() && activity_->retrying == 0) return;
  queue.ForgetWindows(last_now_);
  queue.ChangeWindow(last_arrival_ + 1, before, After(last_now_, before));
}

void ShardBuffer::ReserveTurns() {
  DrainTurns& turns = activity_->turns;
  turns.TryReserve(activity_->queue.size() + static_cast<std::size_t>(turns.unended()),
                   terms().drain_concurrency_max);
}

void ShardBuffer::StopForTerms(Instant now, Effects* effects) {
  // The hold may have begun with fewer retries at once.
  ReserveTurns();
  if (mode_ == Mode::kEnabled) {
    StopSwitchover(StopReason::kManual, now, effects);
  } else {
    Stop(StopReason::kManual, now, /*new_connections=*/false, effects);
  }
}

}  // namespace failover::internal
