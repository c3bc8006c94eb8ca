// How a shard takes other options while it runs.
#include <utility>

#include "shard/shard_buffer.h"

namespace failover::internal {

void ShardBuffer::ReserveTerms() {
  if (activity_ != nullptr) activity_->queue.ReserveWindow();
}

bool ShardBuffer::FollowTerms(Instant now, std::uint8_t terms_index, Mode mode,
                              const DisabledLane& lane) {
  // The shard became known after the terms had changed.
  if (terms_index_ == terms_index) return false;
  now = Monotonic(now);
  const ShardTerms& before = terms();
  const ShardTerms& after = context_.terms[terms_index];
  if (activity_ != nullptr) {
    const Instant from = state_ == State::kBuffering ? activity_->hold.began() : now;
    activity_->guard.ChangeTerms(before.budget(), after.budget(), from);
    // A retry may come back, and then it has the window of before, too.
    const bool any = !activity_->queue.empty() || activity_->retrying > 0;
    if (before.window != after.window && any) {
      activity_->queue.ForgetWindows(now);
      activity_->queue.ChangeWindow(last_arrival_ + 1, before.window, After(now, before.window));
    }
  }
  const bool takes_lane = mode == Mode::kDisabled && LacksDisabledLane();
  if (takes_lane) {
    disabled_counters_ = lane.counters;
    lane_ = lane.lane;
  }
  if (mode == Mode::kEnabled) {
    must_stop_ = false;
  } else if (mode != mode_) {
    must_stop_ |= state_ == State::kBuffering;
  }
  terms_index_ = terms_index;
  mode_ = mode;
  UpdateGate();
  return takes_lane;
}

void ShardBuffer::OnNewTerms(Instant now, Effects* effects) {
  if (closed_ || activity_ == nullptr) return;
  Activity& activity = *activity_;
  activity.turns.TryReserve(
      activity.queue.size() + static_cast<std::size_t>(activity.turns.unended()),
      terms().drain_concurrency_max);
  now = Advance(now, effects);
  if (std::exchange(must_stop_, false)) {
    Stop(StopReason::kManual, now, /*new_connections=*/false, effects);
  }
  if (mode_ != Mode::kEnabled) activity.drain_waits_until = kLongAgo;
  if (state_ == State::kDraining) {
    activity.turns.ChangeLimits(terms().drain_concurrency, terms().drain_concurrency_max);
  }
  GoOn(now, effects);
}

}  // namespace failover::internal
