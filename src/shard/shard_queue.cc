// The ways into the queue of a shard, and out of it.
#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>

#include "shard/shard_buffer.h"

namespace failover::internal {

// ---- In -----------------------------------------------------------------------------------------

Decision ShardBuffer::HoldNew(Instant now, const Request& request, Waiter* waiter,
                              Effects* effects) {
  const auto refuse = [](Refusal refusal) { return Decision{Decision::Kind::kRefused, refusal}; };
  if (request.cancelled) return refuse(Refusal::kCancelled);
  if (request.timeout <= std::chrono::nanoseconds::zero()) return refuse(Refusal::kTimeoutOver);
  if (request.blocks_poller) return refuse(Refusal::kBlocksPoller);
  // The window ends before a longer timeout, so that timeout needs no timer.
  const std::chrono::nanoseconds window = Window();
  std::optional<Refusal> full = ReserveRoom(request.timeout <= window);
  if (!full.has_value()) full = MakeRoom(request.bytes, effects);
  if (full.has_value()) {
    ++Skipped(SkippedReason::kBufferFull);
    return refuse(*full);
  }
  activity_->queue.ForgetWindows(now);
  waiter->window_end = After(now, window);
  waiter->deadline =
      request.timeout == std::chrono::nanoseconds::max() ? kNever : After(now, request.timeout);
  waiter->arrival = ++last_arrival_;
  Enqueue(request, waiter);
  return Decision{Decision::Kind::kHeld, {}};
}

bool ShardBuffer::JoinsDrain(const Request& request) {
  if (request.traits.may_probe && !activity_->guard.DrainsInVain()) return true;
  ++Skipped(SkippedReason::kDraining);
  return false;
}

std::optional<Refusal> ShardBuffer::ReserveRoom(bool has_deadline) {
  try {
    if (has_deadline) activity_->queue.ReserveDeadline();
    activity_->turns.Reserve(
        activity_->queue.size() + 1 + static_cast<std::size_t>(activity_->turns.unended()),
        terms().drain_concurrency_max);
  } catch (const std::bad_alloc&) {
    return Refusal::kNoMemory;
  }
  return std::nullopt;
}

std::optional<Refusal> ShardBuffer::ReserveAgain(Instant now, const Request& request,
                                                 Instant deadline) {
  if (now >= request.previous->window_end) return Refusal::kWindowOver;
  if (request.cancelled) return Refusal::kCancelled;
  if (deadline <= now) return Refusal::kTimeoutOver;
  if (request.blocks_poller) return Refusal::kBlocksPoller;
  std::optional<Refusal> full = ReserveRoom(/*has_deadline=*/true);
  // The request evicts nobody: a request that came later has waited without a try.
  if (!full.has_value() && !context_.pool.TakeBytes(request.bytes, request.bytes).has_value()) {
    full = Refusal::kNoBytes;
  }
  if (full.has_value()) ++Skipped(SkippedReason::kBufferFull);
  return full;
}

SlotAnswer ShardBuffer::TakeSlot() {
  if (const std::int64_t most = terms().max_per_shard; most > 0) {
    const auto own = static_cast<std::int64_t>(activity_->queue.size()) + activity_->retrying;
    if (own > most) return SlotAnswer::kAboveLimit;
    if (own == most) return context_.pool.WhyFull();
  }
  return context_.pool.TakeSlot();
}

std::optional<Refusal> ShardBuffer::MakeRoom(std::size_t bytes, Effects* effects) {
  // Most requests pin no bytes and find a free slot.
  SlotAnswer slot = SlotAnswer::kFull;
  if (bytes == 0) {
    slot = TakeSlot();
    if (slot == SlotAnswer::kTaken) return std::nullopt;
  }
  if (context_.pool.IsTooLarge(bytes)) return Refusal::kTooLarge;
  // The shard can evict its own requests to free the bytes that they hold. A request that is
  // refused for its bytes takes no byte, not even for a moment: another shard might evict in vain
  // meanwhile.
  const std::uint64_t least =
      bytes > activity_->queue.bytes() ? bytes - activity_->queue.bytes() : 0;
  const std::optional<std::uint64_t> taken = context_.pool.TakeBytes(bytes, least);
  if (!taken.has_value()) return Refusal::kNoBytes;
  if (bytes != 0) slot = TakeSlot();
  bool has_slot = slot == SlotAnswer::kTaken;
  // If more is held than a reload allows, an eviction would only replace one request by another. So
  // newcomers are refused until enough requests have left.
  if (slot == SlotAnswer::kAboveLimit || (!has_slot && activity_->queue.empty())) {
    context_.pool.ReturnBytes(*taken);
    return slot == SlotAnswer::kAboveLimit ? Refusal::kAboveLimit : Refusal::kNoSlot;
  }
  const std::uint64_t missing = bytes - *taken;
  // Nothing below can fail, so no request is evicted in vain.
  std::uint64_t evicted_bytes = 0;
  while (!has_slot || evicted_bytes < missing) {
    Waiter* const oldest = activity_->queue.front();
    evicted_bytes += oldest->bytes;
    ++Evicted(EvictedReason::kBufferFull);
    // The newcomer takes over the slot and the bytes of the evicted request.
    Dequeue(oldest, WayOut::kBufferFull);
    Deliver(oldest, WaitEnd::Failed(BufferErrorReason::kEvicted), effects);
    if (has_slot) context_.pool.ReturnSlots(1);
    has_slot = true;
  }
  context_.pool.ReturnBytes(evicted_bytes - missing);
  return std::nullopt;
}

void ShardBuffer::Enqueue(const Request& request, Waiter* waiter) {
  waiter->set_place(Place::kHeld);
  waiter->bytes = request.bytes;
  waiter->traits = request.traits;
  activity_->queue.Add(waiter);
  ShardCounters& counters = activity_->counters;
  ++counters.requests_buffered;
  counters.last_requests_in_flight_max =
      std::max<std::uint64_t>(counters.last_requests_in_flight_max, activity_->queue.size());
}

// ---- Out ----------------------------------------------------------------------------------------

void ShardBuffer::Release(Waiter* waiter, std::optional<StopReason> by, Turn turn,
                          Effects* effects) {
  context_.pool.ReturnBytes(waiter->bytes);
  ++activity_->retrying;
  Dequeue(waiter, turn == Turn::kBesideDrain ? WayOut::kWindowExceeded : WayOut::kDrained);
  CountWork(waiter);
  Deliver(waiter, WaitEnd::Released(by, turn), effects);
}

void ShardBuffer::FailAndFree(Waiter* waiter, BufferErrorReason error, Effects* effects) {
  context_.pool.ReturnBytes(waiter->bytes);
  context_.pool.ReturnSlots(1);
  WayOut way = WayOut::kContextDone;
  if (error == BufferErrorReason::kShardMissing) way = WayOut::kDrained;
  if (error == BufferErrorReason::kWindowOver) way = WayOut::kWindowExceeded;
  Dequeue(waiter, way);
  Deliver(waiter, WaitEnd::Failed(error), effects);
}

void ShardBuffer::Dequeue(Waiter* waiter, WayOut way) {
  assert(waiter->place() == Place::kHeld);
  activity_->counters.held_durations[way].Add(last_now_ - HeldSince(*waiter));
  activity_->queue.Remove(waiter);
}

void ShardBuffer::Deliver(Waiter* waiter, const WaitEnd& end, Effects* effects) {
  waiter->end = end;
  if (waiter->blocks_thread) {
    waiter->set_place(Place::kRunning);
    effects->threads.PushBack(waiter);
  } else {
    waiter->set_place(Place::kReady);
    (waiter->inbox != nullptr ? effects->homeward : effects->ready).PushBack(waiter);
  }
}

}  // namespace failover::internal
