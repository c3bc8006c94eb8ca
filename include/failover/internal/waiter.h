// Not part of the API: one held request, as a shard's queue sees it. Here because a coroutine
// keeps its waiter in its own frame.
#ifndef FAILOVER_INTERNAL_WAITER_H_
#define FAILOVER_INTERNAL_WAITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "failover/errors.h"
#include "failover/export.h"
#include "failover/internal/instant.h"
#include "failover/internal/ticket.h"
#include "failover/internal/work_count.h"
#include "failover/stats.h"

namespace failover::internal {

class InboxCore;
class ShardGate;

// How a wait ended: with an error, or with the right to retry.
struct WaitEnd {
  static constexpr WaitEnd Failed(BufferErrorReason reason) {
    return {reason, std::nullopt, Turn::kBesideDrain};
  }
  // `by` is nullopt if the request's own window ended, or if the request is a probe.
  static constexpr WaitEnd Released(std::optional<StopReason> by, Turn turn) {
    return {std::nullopt, by, turn};
  }

  bool released() const { return !error.has_value(); }

  std::optional<BufferErrorReason> error;
  // This field has a meaning only if the wait was released.
  std::optional<StopReason> released_by;
  Turn turn = Turn::kBesideDrain;
};

// Where a waiter is. The arrows are all that can happen:
//
//   kNew -> kHeld -> kReady -> kRunning      kHeld -> kRunning: a thread is blocked on the waiter
//              |        |
//              +--------+----> kLeft
enum class Place : std::uint8_t {
  kNew,      // no shard holds the waiter yet, or its request was never held
  kHeld,     // in the queue of its shard
  kReady,    // in the dispatcher's list, or in that of its inbox
  kRunning,  // its wait is being ended, or has ended
  kLeft,     // a cancel took the waiter out: its wait never ends
};

// The node of one request. Three fronts derive from it: a blocked thread, a callback, and a
// suspended coroutine. The queue and the dispatcher never own a waiter; the deriving class says how
// long the waiter lives.
//
// While the waiter is held, the shard's mutex guards the links and `end`. While the waiter is
// ready, the dispatcher's mutex guards them. For a waiter with an inbox, the mutex of the inbox
// takes the place of the dispatcher's mutex everywhere.
class FAILOVER_EXPORT Waiter {
 public:
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Ends the wait as `end` says. Called once, under no lock, by the dispatcher or, for a blocked
  // thread, by the thread that released the waiter. *this may be gone when Complete returns.
  virtual void Complete() = 0;
  // The inbox that should have completed the waiter is gone, so the wait never ends. Called in
  // place of Complete, under no lock, on the thread of the inbox. *this may be gone when Discard
  // returns.
  virtual void Discard() noexcept {}

  // The shard's mutex guards each step from kNew and kHeld. The dispatcher's mutex guards each step
  // from kReady. A thread acts on kNew and kHeld only under the shard's mutex, and on kReady only
  // under the dispatcher's mutex. So the mutex orders what the thread then touches, and relaxed is
  // enough. kLeft is read under the shard's mutex, or after the acquire in CallbackWaiter::HasLeft.
  // A thread may read kReady or kRunning under the shard's mutex alone. Such a thread knows only
  // that the waiter is not held.
  Place place() const { return place_.load(std::memory_order_relaxed); }
  void set_place(Place place) { place_.store(place, std::memory_order_relaxed); }

  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  // The shard that the request is for.
  ShardGate* const gate;
  // Where the wait ends; nullptr: where the Buffer runs its callbacks. Set before the waiter is
  // submitted. Waiters that block a thread have no inbox.
  InboxCore* inbox = nullptr;
  // The links in the list of the inbox's members. Guarded by the mutex of the inbox.
  Waiter* inbox_previous = nullptr;
  Waiter* inbox_next = nullptr;
  // When the window ends, and when the caller's own timeout ends (kNever without one).
  Instant window_end = kNever;
  Instant deadline = kNever;
  std::size_t bytes = 0;
  // The number of the event that last let the request go; 0 if none did.
  std::uint64_t let_go = 0;
  std::uint32_t deadline_index = 0;
  // The place in the order of first arrival.
  std::uint32_t arrival = 0;
  // If the request was released in a drain: its entry of DrainTurns.
  std::uint32_t turn_entry = 0;
  RequestTraits traits;
  const bool blocks_thread;
  // Where the request is counted, from the moment on when the request passes under the shard's
  // mutex or is released.
  std::uint8_t stripe = kNoStripe;

  WaitEnd end;

 protected:
  Waiter(ShardGate* its_gate, bool blocks) : gate(its_gate), blocks_thread(blocks) {}
  ~Waiter() = default;

 private:
  std::atomic<Place> place_{Place::kNew};
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_WAITER_H_
