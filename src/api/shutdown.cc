// The functions of BufferCore that end a Buffer. Lifecycle decides which thread takes which step.
#include <thread>

#include "api/buffer_core.h"
#include "api/shard_change.h"
#include "base/sync_point.h"
#include "run/inbox_core.h"

namespace failover::internal {

void BufferCore::Shutdown() {
  EndGraceAtHome();
  bool destroyed = false;
  {
    // A request that is released here may make another thread destroy the Buffer.
    const Lifecycle::Caller caller(lifecycle_);
    // A listener may run inside a poll, inside a wait, or under a lock of the embedder that a
    // callback takes. So it does not wait for callbacks, and runs none.
    const bool inside = dispatcher_.InsideCallback() || transition_feed_.IsInside();
    destroyed = TakeSteps(inside ? LifecycleEvent::kShutdownInCallback : LifecycleEvent::kShutdown);
    FAILOVER_SYNC_POINT("shutdown:done");
  }
  if (destroyed) DestroyAfterLastTurn();
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
  if (!dispatcher_.MakeThisTurnTheLast()) {
    TakeSteps(LifecycleEvent::kDestruction);
    return;
  }
  TakeSteps(LifecycleEvent::kShutdownInCallback);
  logger_.Log(
      LogLevel::kError,
      "a Buffer was destroyed inside one of its own callbacks; the rest of its callbacks run after "
      "this one");
  if (service_thread_ != nullptr) service_thread_->Detach();
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
  // The service thread itself gets here if one of its callbacks destroyed the Buffer.
  const bool polls_here = service_thread_ == nullptr || service_thread_->IsCurrent();
  bool destroyed = false;
  if (polls_here) destroyed = dispatcher_.Poll(PollMode::kAllReady).last;
  dispatcher_.Close();
  FAILOVER_SYNC_POINT("shutdown:idle");
  if (!polls_here) {
    lifecycle_.AwaitSlots(pool_, SteadyDeadline(options_.shutdown_grace.value_or(options_.window)));
  }
  FAILOVER_SYNC_POINT("shutdown:before-retire");
  registry_.ForEach([this](ShardBuffer& shard) {
    ShardChange change(*this, shard, {"retire:before-lock", "retire:after-lock"});
    shard.Retire(change.effects());
  });
  transition_feed_.AwaitEnd();
  if (!polls_here) service_thread_->Join();
  return destroyed;
}

}  // namespace failover::internal
