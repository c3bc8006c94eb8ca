// The functions of BufferCore that end a Buffer. Lifecycle decides which thread takes which step.
#include <algorithm>
#include <functional>
#include <thread>

#include "api/buffer_core.h"
#include "api/failover_log.h"
#include "api/shard_change.h"
#include "base/sync_point.h"
#include "run/inbox_core.h"

namespace failover::internal {

void BufferCore::Shutdown() {
  // The rest of the shutdown does not take long, but this thread would wait for itself.
  if (shutdown_steps_.IsInside()) return;
  EndGraceAtHome();
  bool destroyed = false;
  {
    // A request that is released here may make another thread destroy the Buffer.
    const Lifecycle::Caller caller(lifecycle_);
    // A listener may run inside a poll, inside a wait, or under a lock of the embedder that a
    // callback takes. So it does not wait for callbacks, and runs none.
    const bool inside = dispatcher_.InsideCallback() || transition_feed_.IsInside();
    destroyed = TakeSteps(inside ? LifecycleEvent::kShutdownInCallback : LifecycleEvent::kShutdown);
    if (!inside) JoinServiceThread();
    FAILOVER_SYNC_POINT("shutdown:done");
  }
  if (destroyed) DestroyAfterLastTurn();
}

void BufferCore::BeginShutdown(const std::function<void()>& done) {
  // A request that is released here may make another thread destroy the Buffer.
  const Lifecycle::Caller caller(lifecycle_);
  const Instant now = time_.Now();
  const absl::Duration grace = ShutdownGrace();
  if (!shutdown_steps_.Add(done)) {
    shutdown_steps_.Run(done);
    return;
  }
  TakeSteps(LifecycleEvent::kBegin);
  // After an earlier call the poller knows already when it has to come back.
  const bool is_first = !shutdown_steps_.pending();
  shutdown_steps_.Begin(After(now, ToNanoseconds(grace)));
  if (!manual() && service_thread_ == nullptr) {
    // Nothing was ever held, and nobody polls.
    TakeSteps(LifecycleEvent::kPolled);
    return;
  }
  FAILOVER_SYNC_POINT("begin-shutdown:before-wake");
  if (is_first) WakeForShutdown();
}

// A shutdown must not need memory, so the options are not copied.
absl::Duration BufferCore::ShutdownGrace() const {
  const MutexLock lock(reconfigure_mutex_);
  const BufferOptions& options = settings_[in_force_].options;
  return options.shutdown_grace.value_or(options.window);
}

absl::Duration BufferCore::GraceLeft() const {
  if (!shutdown_steps_.pending()) return ShutdownGrace();
  return absl::FromChrono(shutdown_steps_.grace_ends() - time_.Now());
}

void BufferCore::GoOnWithShutdown(PollTurn* turn) {
  if (!turn->ran || turn->last || !shutdown_steps_.pending()) return;
  const Instant now = time_.Now();
  const Instant grace_ends = shutdown_steps_.grace_ends();
  if (pool_.taken_slots() > 0 && now < grace_ends) {
    turn->idle_for = std::min(turn->idle_for, absl::FromChrono(grace_ends - now));
    return;
  }
  turn->last = TakeSteps(LifecycleEvent::kPolled);
  // As long as another thread closes or finishes, callbacks may be ready that this turn has left.
  if (lifecycle_.HasShutDown()) turn->idle_for = absl::InfiniteDuration();
}

void BufferCore::WakeForShutdown() noexcept {
  const Instant due = pool_.taken_slots() == 0 ? kLongAgo : shutdown_steps_.grace_ends();
  if (dispatcher_.MustWakeFor(due)) WakePoller();
}

void BufferCore::NoticeFreeSlot() noexcept {
  lifecycle_.NoticeFreeSlot();
  if (shutdown_steps_.pending() && pool_.taken_slots() == 0) WakeForShutdown();
}

// The thread of an inbox would wait for retries that it has to end itself.
void BufferCore::EndGraceAtHome() {
  if (InboxCore::IsHomeThread()) lifecycle_.EndGrace();
}

void BufferCore::Destroy() {
  EndGraceAtHome();
  if (transition_feed_.IsInside()) {
    logger_.Log(
        LogLevel::kError,
        "a Buffer was destroyed inside its own on_transition; another thread ends the Buffer");
    std::thread([this] { TakeSteps(LifecycleEvent::kDestruction); }).detach();
    return;
  }
  if (shutdown_steps_.IsInside()) {
    logger_.Log(LogLevel::kError,
                "a Buffer was destroyed inside what it calls when it is shut down; another thread "
                "ends the Buffer");
    std::thread([this] { TakeSteps(LifecycleEvent::kDestruction); }).detach();
    return;
  }
  if (!dispatcher_.MakeThisTurnTheLast()) {
    TakeSteps(LifecycleEvent::kDestruction);
    return;
  }
  TakeSteps(LifecycleEvent::kShutdownInCallback);
  logger_.Log(
      LogLevel::kError,
      "a Buffer was destroyed inside one of its own callbacks; the rest of its callbacks run after "
      "this one");
  if (ServiceThread* const thread = service_thread_) thread->Detach();
}

void BufferCore::DestroyAfterLastTurn() {
  lifecycle_.Advance(LifecycleEvent::kLastTurn);
  // The shards are closed, so the callbacks that are ready now are the last. They must run before
  // this thread waits for anything: a Shutdown of another thread may wait for them, and in
  // Threading::kServiceThread no other thread can run them.
  dispatcher_.Poll(PollMode::kAllReady);
  TakeSteps(LifecycleEvent::kDestruction);
}

bool BufferCore::TakeSteps(LifecycleEvent event) {
  bool destroyed = false;
  for (;;) {
    switch (lifecycle_.Advance(event)) {
      case LifecycleStep::kClose:
        CloseShards();
        lifecycle_.Advance(LifecycleEvent::kShardsClosed);
        if (shutdown_steps_.pending()) WakeForShutdown();
        break;
      case LifecycleStep::kFinish:
        destroyed = FinishShutdown();
        // Before a Shutdown of another thread may return.
        shutdown_steps_.Finish();
        lifecycle_.Advance(LifecycleEvent::kFinished);
        break;
      case LifecycleStep::kDestroy:
        lifecycle_.AwaitCallers();
        JoinServiceThread();
        Unref();
        return false;
      case LifecycleStep::kReturn:
      case LifecycleStep::kWait:
      case LifecycleStep::kImpossible:
        return destroyed;
    }
  }
}

// The service thread may have finished the shutdown, and may not have ended yet.
void BufferCore::JoinServiceThread() {
  ServiceThread* const thread = service_thread_;
  if (thread != nullptr && !thread->IsCurrent()) thread->Join();
}

void BufferCore::CloseShards() {
  registry_.Close();
  const Instant now = time_.Now();
  registry_.ForEach([this, now](ShardBuffer& shard) {
    ShardChange change(*this, shard, {"close:before-lock", "close:after-lock"});
    shard.Close(now, change.effects());
  });
}

bool BufferCore::FinishShutdown() {
  // The service thread itself gets here if one of its callbacks destroyed the Buffer.
  // No thread is started any more, because the registry is closed.
  ServiceThread* const thread = service_thread_;
  const bool polls_here = thread == nullptr || thread->IsCurrent();
  bool destroyed = false;
  if (polls_here) destroyed = dispatcher_.Poll(PollMode::kAllReady).last;
  dispatcher_.Close();
  FAILOVER_SYNC_POINT("shutdown:idle");
  if (!polls_here) lifecycle_.AwaitSlots(pool_, SteadyDeadline(GraceLeft()));
  FAILOVER_SYNC_POINT("shutdown:before-retire");
  // In kManual nobody waits for retries, unless BeginShutdown was called.
  const bool waited = !polls_here || shutdown_steps_.pending();
  if (waited && pool_.taken_slots() > 0) LogRetriesLeft(logger_, pool_.taken_slots());
  registry_.ForEach([this](ShardBuffer& shard) {
    ShardChange change(*this, shard, {"retire:before-lock", "retire:after-lock"});
    shard.Retire(change.effects());
  });
  transition_feed_.AwaitEnd();
  if (!polls_here) {
    thread->Join();
  } else if (thread != nullptr) {
    thread->EndAfterThisPoll();
  }
  return destroyed;
}

}  // namespace failover::internal
