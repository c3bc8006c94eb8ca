// The steps of BufferCore that end a Buffer. Which thread takes which is the business of Lifecycle.
#include "api/buffer_core.h"
#include "api/shard_change.h"
#include "base/log.h"
#include "base/sync_point.h"

namespace failover::internal {

void BufferCore::Shutdown() {
  bool destroyed = false;
  {
    // A request that is released here may make another thread destroy the Buffer.
    const Lifecycle::Caller caller(lifecycle_);
    const bool inside = dispatcher_.InsideCallback();
    destroyed = TakeSteps(inside ? LifecycleEvent::kShutdownInCallback : LifecycleEvent::kShutdown);
    FAILOVER_SYNC_POINT("shutdown:done");
  }
  if (destroyed) DestroyAfterLastTurn();
}

void BufferCore::Destroy() {
  if (!dispatcher_.MakeThisTurnTheLast()) {
    TakeSteps(LifecycleEvent::kDestruction);
    return;
  }
  TakeSteps(LifecycleEvent::kShutdownInCallback);
  Log(LogLevel::kError,
      "a Buffer was destroyed inside one of its own callbacks; the rest of its callbacks run after "
      "this one");
  if (service_thread_ != nullptr) service_thread_->Detach();
}

void BufferCore::DestroyAfterLastTurn() {
  lifecycle_.Advance(LifecycleEvent::kLastTurn);
  // The shards are closed, so these callbacks are the last. A Shutdown of another thread may wait
  // for them, and in Threading::kServiceThread no other thread runs them.
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
        break;
      case LifecycleStep::kFinish:
        destroyed = FinishShutdown();
        lifecycle_.Advance(LifecycleEvent::kFinished);
        break;
      case LifecycleStep::kDestroy:
        lifecycle_.AwaitCallers();
        Unref();
        return false;
      case LifecycleStep::kReturn:
      case LifecycleStep::kWait:
      case LifecycleStep::kImpossible:
        return destroyed;
    }
  }
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
  // The service thread itself comes here if one of its callbacks destroyed the Buffer.
  const bool polls_here = service_thread_ == nullptr || service_thread_->IsCurrent();
  bool destroyed = false;
  if (polls_here) destroyed = dispatcher_.Poll(PollMode::kAllReady).last;
  dispatcher_.Close();
  FAILOVER_SYNC_POINT("shutdown:idle");
  if (!polls_here) {
    lifecycle_.AwaitSlots(pool_, SteadyDeadline(options_.shutdown_grace.value_or(options_.window)));
  }
  FAILOVER_SYNC_POINT("shutdown:before-retire");
  registry_.ForEach([](ShardBuffer& shard) {
    const MutexLock lock(shard.mutex());
    shard.Retire();
  });
  if (!polls_here) service_thread_->Join();
  return destroyed;
}

}  // namespace failover::internal
