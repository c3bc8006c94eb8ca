// What a request asks of a Buffer: to be held, to be cancelled, to have ended its retry.
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/failover_log.h"
#include "api/shard_change.h"
#include "api/waiters.h"
#include "base/sync_point.h"
#include "shard/buffer_error.h"
#include "shard/downcasts.h"

namespace failover::internal {
namespace {

BufferErrorReason ReasonOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSlot:
    case Refusal::kNoBytes:
    case Refusal::kTooLarge:
    case Refusal::kNoMemory:
      return BufferErrorReason::kBufferFull;
    case Refusal::kTimeoutOver:
      return BufferErrorReason::kTimeout;
    case Refusal::kCancelled:
      return BufferErrorReason::kCancelled;
  }
  return BufferErrorReason::kBufferFull;
}

constexpr char kNoMemory[] = "out of memory, the request is not held";

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::Status BufferCore::NameError(std::string_view keyspace, std::string_view shard) {
  const bool keyspace_is_bad = !IsName(keyspace);
  const std::string_view name = keyspace_is_bad ? keyspace : shard;
  return absl::InvalidArgumentError(
      absl::StrCat("the name of the ", keyspace_is_bad ? "keyspace" : "shard", " must have 1 to ",
                   kMaxNameLength, " bytes, it has ", name.size(), ": '",
                   Piece(name.substr(0, kMaxNameLength)), "'"));
}

absl::StatusOr<ShardBuffer*> BufferCore::ShardForRequest(std::string_view keyspace,
                                                         std::string_view shard,
                                                         const absl::Status& error) {
  if (ShardBuffer* const known = registry_.Find(keyspace, shard)) return known;
  if (!IsName(keyspace) || !IsName(shard)) return NameError(keyspace, shard);
  if (!error.ok() && !IsFailover(error)) return nullptr;
  try {
    return MakeKnown(keyspace, shard);
  } catch (const std::bad_alloc&) {
    return BufferError(BufferErrorReason::kBufferFull, keyspace, shard, kNoMemory, error.code(),
                       {error.message().data(), error.message().size()});
  }
}

bool BufferCore::IsFailover(const absl::Status& error) const {
  if (error.ok()) return false;
  if (options_.caused_by_failover) return options_.caused_by_failover(error);
  return CausedByFailover(error);
}

bool BufferCore::MustSubmit(ShardBuffer& shard, const absl::Status& error) const {
  const std::uint32_t gate = shard.bits();
  const std::uint32_t stop = error.ok() ? ShardGate::kStopsRequests : ShardGate::kStopsFailures;
  if ((gate & stop) == 0) return false;
  if (!error.ok() && !IsFailover(error)) return false;
  if ((gate & ShardGate::kDisabled) == 0) return true;
  shard.CountDisabled();
  return false;
}

Decision BufferCore::Submit(const RequestContext& context, const absl::Status& error,
                            bool cancelled, Waiter* waiter) {
  ShardBuffer& shard = ShardOf(*waiter);
  const Request request{!error.ok(), cancelled, ToNanoseconds(context.timeout), context.bytes};
  const Instant now = time_.Now();
  Decision decision;
  LoggableError cause;
  const auto make_cause = [&cause] { return cause.ToString(); };
  {
    ShardChange change(*this, shard, {"submit:before-lock", "submit:after-lock"}, make_cause);
    decision = shard.OnRequest(now, request, waiter, change.effects());
    // A coroutine may be gone, and its error with it, as soon as the mutex is released.
    if (change.effects()->started || change.effects()->skipped) cause = LoggableError(error);
  }
  return decision;
}

absl::StatusOr<RetryDoneFunc> BufferCore::Wait(const RequestContext& context, Cancellation* stop,
                                               ShardBuffer& shard, const absl::Status& error) {
  if (!MustSubmit(shard, error)) return RetryDoneFunc();
  const Lifecycle::Caller caller(lifecycle_);
  const bool cancelled = (context.cancellation != nullptr && context.cancellation->cancelled()) ||
                         (stop != nullptr && stop->cancelled());
  ThreadWaiter waiter(shard);
  const Decision decision = Submit(context, error, cancelled, &waiter);
  switch (decision.kind) {
    case Decision::Kind::kPass:
      return RetryDoneFunc();
    case Decision::Kind::kRefused:
      return RefusalError(shard, context, decision.refusal, error);
    case Decision::Kind::kHeld:
      break;
  }
  {
    const CancelHook by_caller(context.cancellation, waiter);
    const CancelHook by_stop_token(stop, waiter);
    FAILOVER_SYNC_POINT("wait:before-block");
    waiter.Block();
  }
  return ResultOf(shard, waiter.end, error.code(),
                  {error.message().data(), error.message().size()});
}

absl::StatusOr<BufferedRequest> BufferCore::WaitAsync(const RequestContext& context,
                                                      ShardBuffer& shard, const absl::Status& error,
                                                      WaitCallback&& callback) {
  if (!MustSubmit(shard, error)) return BufferedRequest();
  if (!callback) return absl::InvalidArgumentError("the callback of an asynchronous wait is empty");
  CallbackWaiter* const waiter = CallbackWaiter::Make(shard, std::move(callback), error);
  if (waiter == nullptr) {
    if (!MayHold(shard)) return BufferedRequest();
    return RefusalError(shard, context, Refusal::kNoMemory, error);
  }
  BufferedRequest handle(waiter);
  const Decision decision = Submit(context, error, false, waiter);
  if (decision.kind == Decision::Kind::kHeld) return handle;
  handle.Detach();
  waiter->Discard();
  if (decision.kind == Decision::Kind::kPass) return BufferedRequest();
  return RefusalError(shard, context, decision.refusal, error);
}

bool BufferCore::MayHold(ShardBuffer& shard) {
  const MutexLock lock(shard.mutex());
  return shard.MayHold();
}

absl::Status BufferCore::RefusalError(ShardBuffer& shard, const RequestContext& context,
                                      Refusal refusal, const absl::Status& error) const noexcept
    try {
  std::string what;
  switch (refusal) {
    case Refusal::kNoSlot:
      what = absl::StrCat("the buffer is full (size ", options_.size,
                          ") and this shard holds no older request to evict");
      break;
    case Refusal::kNoBytes:
      what = absl::StrCat("the buffer is full (max_bytes ", options_.max_bytes,
                          ") and this shard holds too little to make room for ", context.bytes,
                          " bytes");
      break;
    case Refusal::kTooLarge:
      what = absl::StrCat("the request pins ", context.bytes, " bytes, more than max_bytes (",
                          options_.max_bytes, ") in all");
      break;
    case Refusal::kNoMemory:
      what = kNoMemory;
      break;
    case Refusal::kTimeoutOver:
      what = "the request's own timeout was over before it could be held";
      break;
    case Refusal::kCancelled:
      what = "the request was cancelled before it could be held";
      break;
  }
  return BufferError(ReasonOf(refusal), shard.keyspace(), shard.shard(), what, error.code(),
                     {error.message().data(), error.message().size()});
} catch (const std::bad_alloc&) {
  return BufferErrorWithoutText(ReasonOf(refusal));
}

CancelResult BufferCore::Cancel(Waiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  ShardChange change(*this, shard, {"cancel:before-lock", "cancel:after-lock"});
  if (waiter.place() == Place::kLeft) return CancelResult::kWonBefore;
  if (waiter.place() == Place::kHeld) {
    shard.OnCancel(&waiter, change.effects());
  } else if (dispatcher_.TakeBack(&waiter)) {
    FAILOVER_SYNC_POINT("cancel:took-back");
    if (waiter.end.released()) {
      shard.OnRetryEnd(waiter.end.turn, RetryOutcome::kUntold, change.effects());
    }
  } else {
    return CancelResult::kLost;
  }
  change.FreesSlot(shard.closed());
  return CancelResult::kWon;
}

void BufferCore::EndRetry(ShardBuffer& shard, Turn turn, RetryOutcome outcome) {
  ShardChange change(*this, shard, {"retry-end:before-lock", "retry-end:after-lock"});
  shard.OnRetryEnd(turn, outcome, change.effects());
  change.FreesSlot(shard.closed());
}

}  // namespace failover::internal
