// Not part of the API: one held request, as a shard's queue sees it. Here because a coroutine
// keeps its waiter in its own frame.
#ifndef FAILOVER_INTERNAL_WAITER_H_
#define FAILOVER_INTERNAL_WAITER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "failover/errors.h"
#include "failover/export.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

class ShardGate;

// How a wait ended: with an error, or with the right to retry.
struct Outcome {
  std::optional<BufferErrorReason> error;
  // Of a retry. nullopt: the request's own window ended.
  std::optional<StopReason> released_by;
  // Of a retry: it was released in a drain, so its end releases the next.
  bool in_drain = false;
};

// The node of one request. Three fronts derive from it: a blocked thread, a callback, and a
// suspended coroutine. The queue and the dispatcher never own it; who derives says how long it
// lives.
//
// A waiter is held in its shard's queue; then, unless a thread blocks on it, ready in the
// dispatcher's list; then in neither. The links and `outcome` go with it: the shard's mutex guards
// them while it is held, the dispatcher's mutex while it is ready.
class FAILOVER_EXPORT Waiter {
 public:
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Ends the wait as `outcome` says. Called once, under no lock, by the dispatcher or, for a
  // blocked thread, by the thread that released it. *this may be gone when it returns.
  virtual void Complete() = 0;

  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  // Of the shard that the request is for.
  ShardGate* const gate;
  // When the window ends, and when the caller's own timeout does (if that is no later).
  Instant window_end = kNever;
  Instant deadline = kNever;
  std::uint32_t deadline_index = 0;
  const bool blocks_thread;
  // Guarded by the shard's mutex. `cancelled`: a Cancel won, and repeats its answer.
  bool held = false;
  bool cancelled = false;
  // Set under the shard's mutex before the dispatcher gets the waiter, guarded by the dispatcher's
  // from then on.
  bool ready = false;
  Outcome outcome;
  std::size_t bytes = 0;

 protected:
  Waiter(ShardGate* its_gate, bool blocks) : gate(its_gate), blocks_thread(blocks) {}
  ~Waiter() = default;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_WAITER_H_
