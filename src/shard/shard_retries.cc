// How the retries of a shard come back or end.
#include <algorithm>
#include <cassert>

#include "shard/shard_buffer.h"

namespace failover::internal {

// ---- Retries that come back ---------------------------------------------------------------------

Decision ShardBuffer::OnReturn(Instant now, const Request& request, Waiter* waiter,
                               Effects* effects) {
  if (closed_) ++Skipped(SkippedReason::kShutdown);
  // The slot of the retry is free already.
  if (retired_) return {};
  now = Advance(now, effects);
  const Ticket& ticket = *request.previous;
  --activity_->retrying;
  ++activity_->counters.retries_failed;
  const bool adapts = EndTurn(ticket) && ticket.traits.may_probe;
  if (adapts && request.traits.refused == Refused::kAtConnect) activity_->turns.Halve();
  Decision decision;
  if (HoldsAgain(now, request, effects)) {
    const Instant deadline =
        std::min(ticket.deadline, request.timeout == std::chrono::nanoseconds::max()
                                      ? kNever
                                      : After(now, std::max(request.timeout, {})));
    Request again = request;
    // What the request was refused as, and that it writes, stays true.
    again.traits.refused = std::max(again.traits.refused, ticket.traits.refused);
    again.traits.writes |= ticket.traits.writes;
    if (const std::optional<Refusal> refusal = ReserveAgain(now, again, deadline)) {
      decision = {Decision::Kind::kRefused, *refusal};
    } else {
      decision.kind = Decision::Kind::kHeld;
      waiter->window_end = ticket.window_end;
      waiter->deadline = deadline;
      waiter->arrival = ticket.arrival;
      waiter->let_go = ticket.let_go;
      ++activity_->counters.requests_held_again;
      Enqueue(again, waiter);
    }
  } else {
    decision = Pass(request.traits.work, waiter);
  }
  if (decision.kind != Decision::Kind::kHeld) context_.pool.ReturnSlots(1);
  GoOn(now, effects);
  return decision;
}

bool ShardBuffer::HoldsAgain(Instant now, const Request& request, Effects* effects) {
  if (!MayHold()) return false;
  const Ticket& ticket = *request.previous;
  // Rule E8: the retry was let go after the last end.
  const bool is_news = ticket.let_go > activity_->last_end;
  OnRefusedRetry(now, ticket);
  const bool may_probe = request.traits.may_probe;
  switch (NextStep(state_, is_news ? Event::kRefusedRetry : Event::kFailedRequest)) {
    case Step::kStart: {
      const HoldCause cause = is_news ? HoldCause::kRefusedRetry : HoldCause::kFailedRequest;
      return TryStart(now, {cause, may_probe, /*by_request=*/true}, effects);
    }
    case Step::kJoin:
      return JoinsDrain(request);
    case Step::kHold:
      return true;
    case Step::kPass:
    case Step::kIgnore:
    case Step::kStop:
    case Step::kFinish:
    case Step::kCannotHappen:
      break;
  }
  assert(false && "no request that comes back has this step");
  return false;
}

// ---- Retries that end ---------------------------------------------------------------------------

Ticket ShardBuffer::TicketOf(const Waiter& waiter) {
  return {this,           waiter.window_end, waiter.deadline, waiter.let_go,
          waiter.arrival, waiter.turn_entry, waiter.end.turn, waiter.traits};
}

bool ShardBuffer::EndTurn(const Ticket& ticket) {
  return ticket.turn == Turn::kOfDrain && activity_->turns.End(ticket.turn_entry, ticket.let_go);
}

void ShardBuffer::OnRetryEnd(Instant now, const Ticket& ticket, Attempt outcome, Effects* effects) {
  if (retired_) return;
  now = Advance(now, effects);
  --activity_->retrying;
  context_.pool.ReturnSlots(1);
  const bool adapts = EndTurn(ticket) && ticket.traits.may_probe;
  DrainTurns& turns = activity_->turns;
  ShardCounters& counters = activity_->counters;
  switch (outcome) {
    case Attempt::kNone:
      break;
    case Attempt::kSucceeded:
      ++counters.retries_succeeded;
      if (adapts) turns.Grow();
      OnSuccess(now, ticket, effects);
      break;
    case Attempt::kRefused:
    case Attempt::kRefusedAtConnect:
      ++counters.retries_failed;
      if (adapts && outcome == Attempt::kRefusedAtConnect) turns.Halve();
      if (!MayHold()) break;
      OnRefusedRetry(now, ticket);
      if (ticket.let_go > activity_->last_end &&
          NextStep(state_, Event::kRefusedRetry) == Step::kStart) {
        TryStart(now, {HoldCause::kRefusedRetry, ticket.traits.may_probe}, effects);
      }
      break;
    case Attempt::kUnknown:
      ++counters.retries_failed;
      if (adapts) turns.Halve();
      break;
    case Attempt::kFailed:
      ++counters.retries_failed;
      break;
  }
  // A probe that was refused is over already, and the patience says when the next one goes.
  if (ticket.turn == Turn::kProbe) activity_->hold.OnProbeEnd(now, ticket.let_go, terms().hold);
  GoOn(now, effects);
}

void ShardBuffer::OnRefusedRetry(Instant now, const Ticket& ticket) {
  Hold& hold = activity_->hold;
  if (state_ != State::kBuffering || ticket.let_go <= activity_->last_end) return;
  hold.NoteRefusedRetry();
  if (!hold.BeganBefore(ticket.let_go)) return;
  activity_->patience.Extend(now);
  hold.OnRefusedRetry(ticket.let_go, activity_->patience.until());
  activity_->last_refused = NextEvent();
}

// Rule E7.
void ShardBuffer::OnSuccess(Instant now, const Ticket& ticket, Effects* effects) {
  if (!ticket.traits.ProvesWrites() || ticket.let_go <= last_down_) return;
  if (ticket.let_go > activity_->last_refused) activity_->patience.Reset();
  if (ticket.let_go > activity_->last_end) activity_->guard.OnHealth();
  primary_.RefuteDown();
  const bool new_connections = primary_.TakeChange();
  const Hold& hold = activity_->hold;
  if (state_ == State::kBuffering && !hold.IsOperators() && hold.BeganBefore(ticket.let_go)) {
    Stop(StopReason::kRetrySucceeded, now, new_connections, effects);
    return;
  }
  if (new_connections) GrowEpoch();
  UpdateGate();
}

}  // namespace failover::internal
