// The functions of BufferCore that requests call: to be held, to be cancelled, to end a retry.
#include <algorithm>
#include <cassert>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/failover_log.h"
#include "api/refused_by_failover.h"
#include "api/shard_change.h"
#include "api/waiters.h"
#include "api/work.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "run/inbox_core.h"
#include "shard/buffer_error.h"
#include "shard/downcasts.h"

namespace failover::internal {
namespace {

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
                                                         const AttemptView& last) {
  if (ShardBuffer* const known = registry_.Find(keyspace, shard)) return known;
  if (!IsName(keyspace) || !IsName(shard)) return NameError(keyspace, shard);
  // An error that no failover caused makes no shard known.
  if (!last.ok() && RefusedAs(last) == Refused::kNot) return nullptr;
  try {
    return MakeKnown(keyspace, shard);
  } catch (const std::bad_alloc&) {
    const AttemptText error = TextOf(last);
    return BufferError(BufferErrorReason::kBufferFull, keyspace, shard, kNoMemoryToHold, error.code,
                       error.text);
  }
}

// ---- How attempts ended -------------------------------------------------------------------------

std::optional<RefusedAt> BufferCore::RefusedByFailover(const absl::Status& error) const {
  if (error.ok()) return std::nullopt;
  if (!fixed_.caused_by_failover) return internal::RefusedByFailover(error);
  if (!fixed_.caused_by_failover(error)) return std::nullopt;
  return RefusedAtOf(error);
}

Attempt BufferCore::AttemptOf(const absl::Status& status) const {
  if (status.ok()) return Attempt::kSucceeded;
  if (const std::optional<RefusedAt> at = RefusedByFailover(status)) {
    return *at == RefusedAt::kConnect ? Attempt::kRefusedAtConnect : Attempt::kRefused;
  }
  const bool no_answer = status.code() == absl::StatusCode::kUnavailable ||
                         status.code() == absl::StatusCode::kDeadlineExceeded;
  return no_answer ? Attempt::kUnknown : Attempt::kFailed;
}

Attempt BufferCore::AttemptOfLateCall(const absl::Status& outcome) {
  if (outcome.ok()) return Attempt::kSucceeded;
  // The destructor of the Buffer waits for a Caller that came before the end of the shutdown.
  const Lifecycle::Caller caller(lifecycle_);
  return lifecycle_.HasShutDown() ? Attempt::kNone : AttemptOf(outcome);
}

std::optional<Instant> BufferCore::TimeOfLateCall() {
  if (dispatcher_.PollsHere()) return dispatcher_.turn_began();
  InboxTurn* const turn = InboxCore::TurnOf(*this);
  if (turn == nullptr) return ReadTimeOfLateCall();
  if (!turn->time.has_value()) turn->time = ReadTimeOfLateCall();
  return turn->time;
}

std::optional<Instant> BufferCore::ReadTimeOfLateCall() {
  if (fixed_.clock == nullptr) return time_.Now();
  const Lifecycle::Caller caller(lifecycle_);
  if (lifecycle_.HasShutDown()) return std::nullopt;
  return time_.Now();
}

void BufferCore::EndRetry(const Ticket& ticket, Attempt outcome) {
  const std::optional<Instant> now = TimeOfLateCall();
  // The shutdown has freed the slot.
  if (!now.has_value()) return;
  ShardBuffer& shard = *ticket.shard;
  ShardChange change(*this, shard, {"retry-end:before-lock", "retry-end:after-lock"});
  shard.OnRetryEnd(*now, ticket, outcome, change.effects());
  change.FreesSlot(shard.closed());
}

void BufferCore::NoteInertHandle() noexcept {
  if (inert_handle_logged_.exchange(true)) return;
  logger_.Log(
      LogLevel::kWarning,
      "a request came with an inert ShardHandle, so the request is never held; GetShard returns "
      "such a handle if max_shards shards are known already, or for a bad name");
}

// ---- Waits --------------------------------------------------------------------------------------

std::optional<RequestTraits> BufferCore::TraitsToSubmit(ShardBuffer& shard,
                                                        const RequestContext& context,
                                                        const AttemptView& last, WorkToken* work) {
  RequestTraits traits{Refused::kNot, context.may_probe, context.writes, context.work};
  if (!last.ok()) {
    traits.refused = RefusedAs(shard, last);
  } else if (last.previous != nullptr) {
    EndUnlessComesBack(shard, Refused::kNot, last);
  }
  // The end of the last attempt may end the last transaction that a switchover waits for. The gate
  // is read after that, so the request that follows finds everything held.
  const std::uint32_t gate = shard.bits();
  const bool disabled = (gate & ShardGate::kDisabled) != 0;
  if (last.ok()) {
    if (!ShardGate::LetsPass(gate, context.work)) return traits;
  } else if (traits.refused == Refused::kNot || (gate & ShardGate::kStopsFailures) == 0) {
    return std::nullopt;
  } else if (!disabled) {
    return traits;
  } else if (last.previous != nullptr) {
    // The shard was disabled while the request was held or retried. Nothing is held again.
    (*last.previous)(traits.refused == Refused::kAtConnect ? Attempt::kRefusedAtConnect
                                                           : Attempt::kRefused);
  }
  if (context.work != Work::kUncounted) {
    *work = shard.EnsureWorkCount() ? EnterWork(shard, context.work)
                                    : EnterWork(shard, context.work, kGateStripe);
    if (!*work) return traits;
  } else if (disabled) {
    shard.CountDisabled();
  }
  return std::nullopt;
}

Refused BufferCore::RefusedAs(ShardBuffer& shard, const AttemptView& last) {
  const Refused refused = RefusedAs(last);
  if (last.previous != nullptr) EndUnlessComesBack(shard, refused, last);
  if (refused == Refused::kNot && (shard.bits() & ShardGate::kInFailover) != 0) {
    const MutexLock lock(shard.mutex());
    shard.OnErrorSlippedPast(static_cast<int>(TextOf(last).code));
  }
  return refused;
}

void BufferCore::EndUnlessComesBack(const ShardBuffer& shard, Refused refused,
                                    const AttemptView& last) const {
  const Ticket* const ticket = BufferAccess::TicketOf(*last.previous);
  const WorkToken& work = BufferAccess::WorkOf(*last.previous);
  if ((ticket != nullptr && ticket->shard != &shard) ||
      (work && BufferAccess::GateOf(work) != &shard)) {
    // The attempt went to this shard, so its end proves nothing about the shard of the token.
    (*last.previous)();
  } else if (refused == Refused::kNot) {
    (*last.previous)(last.error != nullptr ? AttemptOf(*last.error) : last.attempt);
  }
}

Refused BufferCore::RefusedAs(const AttemptView& last) const {
  if (last.error != nullptr) {
    const std::optional<RefusedAt> at = RefusedByFailover(*last.error);
    if (!at.has_value()) return Refused::kNot;
    return *at == RefusedAt::kConnect ? Refused::kAtConnect : Refused::kAsStatement;
  }
  if (last.attempt == Attempt::kRefused) return Refused::kAsStatement;
  return last.attempt == Attempt::kRefusedAtConnect ? Refused::kAtConnect : Refused::kNot;
}

Decision BufferCore::Submit(const RequestContext& context, RequestTraits traits,
                            const AttemptView& last, const Cancellation* stop, Waiter* waiter) {
  ShardBuffer& shard = ShardOf(*waiter);
  Request request;
  request.traits = traits;
  request.timeout = ToNanoseconds(context.timeout);
  request.bytes = context.bytes;
  request.blocks_poller = waiter->blocks_thread && dispatcher_.PollsHere();
  if (last.previous != nullptr) request.previous = BufferAccess::TicketOf(*last.previous);
  const bool returns = request.previous != nullptr;
  BufferAccess::WorkParts before;
  if (last.previous != nullptr) before = BufferAccess::Unpack(last.previous->TakeWork());
  const Instant now = time_.Now();
  LookForPolls(shard, now);
  Decision decision;
  LoggableError cause;
  const auto make_cause = [&cause] { return cause.ToString(); };
  {
    ShardChange change(*this, shard, {"submit:before-lock", "submit:after-lock"}, make_cause);
    // The look is under the mutex. So a Cancel either comes before it and is seen here, or finds
    // the waiter in the queue.
    request.cancelled = (context.cancellation != nullptr && context.cancellation->cancelled()) ||
                        (stop != nullptr && stop->cancelled());
    decision = shard.OnRequest(now, request, waiter, change.effects());
    if (decision.kind == Decision::Kind::kHeld && waiter->inbox != nullptr) {
      waiter->inbox->Join(waiter);
    }
    // A coroutine may be gone as soon as the mutex is released, and its error and its token with
    // it.
    if (change.effects()->started || change.effects()->skipped) cause = LoggableError(last);
    if (returns) {
      BufferAccess::Disarm(*last.previous);
      change.FreesSlot(shard.closed());
    }
    // A request that is held is not in flight. A request that passes is counted anew by now.
    if (before.stripe != kNoStripe) shard.OnWorkEnd(before.work, before.stripe, change.effects());
  }
  // The token that came back had a share of the ownership.
  if (returns) Unref();
  if (before.owns) Unref();
  return decision;
}

absl::StatusOr<RetryDoneFunc> BufferCore::Wait(const RequestContext& context, Cancellation* stop,
                                               ShardBuffer& shard, RequestTraits traits,
                                               const AttemptView& last) {
  const Lifecycle::Caller caller(lifecycle_);
  ThreadWaiter waiter(shard);
  const Decision decision = Submit(context, traits, last, stop, &waiter);
  switch (decision.kind) {
    case Decision::Kind::kPass:
      return BufferAccess::PassedToken(waiter);
    case Decision::Kind::kRefused:
      if (decision.refusal == Refusal::kBlocksPoller) return PollerBlockedError(shard);
      return RefusalError(shard, context, decision.refusal, last);
    case Decision::Kind::kHeld:
      break;
  }
  {
    const CancelHook by_caller(context.cancellation, *this, waiter);
    const CancelHook by_stop_token(stop, *this, waiter);
    FAILOVER_SYNC_POINT("wait:before-block");
    Block(shard, waiter, waiter.parking());
  }
  const AttemptText error = TextOf(last);
  return ResultOf(waiter, error.code, error.text);
}

// The thread that polls may be stuck in a callback, and in Threading::kManual nobody may poll. So
// on the steady clock the blocked thread also fires the timer of its shard, once its own time is
// over. The time of an embedder's clock may stand still or jump, so nobody can sleep until then.
void BufferCore::Block(ShardBuffer& shard, const Waiter& waiter, Parking& parking) {
  if (!time_.is_steady()) {
    parking.Park();
    return;
  }
  // No other thread writes these two while the waiter is held.
  const auto deadline = time_.ToSteady(std::min(waiter.window_end, waiter.deadline));
  while (!parking.ParkUntil(deadline)) {
    FAILOVER_SYNC_POINT("wait:own-deadline");
    bool held = false;
    {
      const MutexLock lock(shard.mutex());
      held = waiter.place() == Place::kHeld;
    }
    if (held) {
      OnTimer(shard, time_.Now());
    } else {
      // Another thread took the waiter out of the queue and is about to wake it. Until it has done
      // so, the waiter must stay where it is.
      FAILOVER_SYNC_POINT("wait:parks-again");
      parking.Park();
      return;
    }
  }
}

absl::Status BufferCore::WaitAsync(const RequestContext& context, ShardBuffer& shard,
                                   const AttemptView& last, WaitCallback&& callback,
                                   BufferedRequest* request) {
  const std::optional<RequestTraits> traits = TraitsToSubmit(shard, context, last, &request->work_);
  if (!traits.has_value()) return absl::OkStatus();
  if (!callback) return absl::InvalidArgumentError("the callback of an asynchronous wait is empty");
  CallbackWaiter* const waiter =
      CallbackWaiter::Make(*this, shard, context, std::move(callback), TextOf(last));
  if (waiter == nullptr) {
    ThreadWaiter passed(shard);
    if (!PassesUnheld(shard, context.work, &passed)) {
      return RefusalError(shard, context, Refusal::kNoMemory, last);
    }
    request->work_ = BufferAccess::WorkOf(passed, /*owns=*/false);
    return absl::OkStatus();
  }
  request->waiter_ = waiter;
  const Decision decision = Submit(context, *traits, last, nullptr, waiter);
  // The callback may have run meanwhile, and *request may be gone with it.
  if (decision.kind == Decision::Kind::kHeld) return absl::OkStatus();
  request->Detach();
  if (decision.kind == Decision::Kind::kPass) {
    request->work_ = BufferAccess::WorkOf(*waiter, /*owns=*/false);
  }
  waiter->Discard();
  if (decision.kind == Decision::Kind::kPass) return absl::OkStatus();
  return RefusalError(shard, context, decision.refusal, last);
}

bool BufferCore::PassesUnheld(ShardBuffer& shard, Work work, Waiter* waiter) {
  const MutexLock lock(shard.mutex());
  return shard.PassesUnheld(work, waiter);
}

CancelResult BufferCore::Cancel(Waiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  // The time until which the request was held. If the request was released already, the next
  // request is let go in its place, and counts its times from now on.
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  bool shares_ownership = false;
  {
    ShardChange change(*this, shard, {"cancel:before-lock", "cancel:after-lock"});
    if (waiter.place() == Place::kLeft) return CancelResult::kWonBefore;
    if (!TakeOut(shard, waiter, now, change.effects())) return CancelResult::kLost;
    shares_ownership = waiter.inbox != nullptr;
    change.FreesSlot(shard.closed());
  }
  if (shares_ownership) Unref();
  return CancelResult::kWon;
}

bool BufferCore::TakeOut(ShardBuffer& shard, Waiter& waiter, Instant now, Effects* effects) {
  if (waiter.place() == Place::kHeld) {
    shard.OnCancel(now, &waiter);
    if (waiter.inbox != nullptr) waiter.inbox->Leave(&waiter);
    return true;
  }
  const bool taken_back =
      waiter.inbox != nullptr ? waiter.inbox->TakeBack(&waiter) : dispatcher_.TakeBack(&waiter);
  if (!taken_back) return false;
  FAILOVER_SYNC_POINT("cancel:took-back");
  if (waiter.end.released()) {
    shard.OnRetryEnd(now, shard.TicketOf(waiter), Attempt::kNone, effects);
  }
  if (waiter.stripe != kNoStripe) shard.OnWorkEnd(waiter.traits.work, waiter.stripe, effects);
  return true;
}

void BufferCore::WaitWhileRunning(const Waiter& waiter) {
  if (waiter.inbox != nullptr) {
    waiter.inbox->WaitWhileRunning(&waiter);
  } else {
    dispatcher_.WaitWhileRunning(&waiter);
  }
}

bool BufferCore::CancelAndComplete(Waiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  ShardChange change(*this, shard, {"complete:before-lock", "complete:after-lock"});
  if (waiter.place() != Place::kHeld) return false;
  shard.OnCancellation(now, &waiter, change.effects());
  return true;
}

void BufferCore::CancelIfHeld(Waiter& waiter, std::unique_lock<std::mutex> lock) {
  // As soon as the Cancellation's mutex is released, a waiter that is not held may be gone, and
  // then the Buffer, too.
  const Lifecycle::Caller caller(lifecycle_);
  ShardBuffer& shard = ShardOf(waiter);
  ShardChange change(*this, shard, {"cancellation:before-shard-lock", "cancellation:after-lock"});
  const bool held = waiter.place() == Place::kHeld;
  lock.unlock();
  // A waiter that is held stays where it is as long as the shard's mutex is held. The embedder's
  // clock must not be read under a mutex, so with such a clock the request counts as held until the
  // time of the shard's last event.
  const Instant now = time_.is_steady() ? time_.Now() : kLongAgo;
  if (held) shard.OnCancellation(now, &waiter, change.effects());
}

}  // namespace failover::internal
