// What a shard is told of a request, and what the shard decides about it.
#ifndef FAILOVER_SRC_SHARD_REQUEST_H_
#define FAILOVER_SRC_SHARD_REQUEST_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "failover/internal/ticket.h"

namespace failover::internal {

// What a shard must know of a request.
struct Request {
  RequestTraits traits;
  bool cancelled = false;
  // The longest duration means that the request has no timeout.
  std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max();
  std::size_t bytes = 0;
  // The request would block the thread that has to end its wait.
  bool blocks_poller = false;
  // The retry that was refused, if the request comes back.
  const Ticket* previous = nullptr;

  bool failed() const { return traits.refused != Refused::kNot; }
};

enum class Refusal : std::uint8_t {
  kNoSlot,
  kAboveLimit,  // more is held than other options allow now, so nobody is evicted
  kNoBytes,
  kTooLarge,
  kNoMemory,
  kTimeoutOver,
  kCancelled,
  kWindowOver,
  kBlocksPoller,
};

struct Decision {
  enum class Kind : std::uint8_t { kPass, kHeld, kRefused };
  Kind kind = Kind::kPass;
  Refusal refusal = Refusal::kNoSlot;  // has a meaning if `kind` is kRefused
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_REQUEST_H_
