// Not part of the API. What a RetryDoneFunc knows of the request that it stands for.
#ifndef FAILOVER_INTERNAL_TICKET_H_
#define FAILOVER_INTERNAL_TICKET_H_

#include <cstdint>

#include "failover/internal/instant.h"
#include "failover/work.h"

namespace failover::internal {

class ShardBuffer;

// Which limit a released retry counts against.
enum class Turn : std::uint8_t {
  kBesideDrain,  // none: the request's own window released it
  kOfDrain,      // drain_concurrency: its end releases the next request
  kProbe,        // none, but at most one probe of a shard is under way
};

// How far a request got before a failover refused it. A later value proves more.
enum class Refused : std::uint8_t {
  kNot,          // it was held before it was tried
  kAtConnect,    // somebody did not answer, or refused the connection
  kAsStatement,  // a server answered that it takes no writes
};

// What a shard must remember of a request from the first time it is held to its last retry.
struct RequestTraits {
  Refused refused = Refused::kNot;
  bool may_probe = false;  // RequestContext::may_probe
  bool writes = false;     // RequestContext::writes
  Work work = Work::kUncounted;

  bool IsProbeCandidate() const { return may_probe && refused != Refused::kNot; }
  // Whether a retry that succeeds shows that the shard takes writes (rule E7).
  bool ProvesWrites() const { return writes || refused == Refused::kAsStatement; }
};

// One released retry. While the retry is under way, its RetryDoneFunc holds the ticket and shares
// the ownership of the Buffer's inside.
struct Ticket {
  ShardBuffer* shard;
  Instant window_end;
  // kNever if the caller has no timeout.
  Instant deadline;
  // The number of the event that let the retry go (ShardBuffer numbers its events).
  std::uint64_t let_go;
  // The request's place in the order of first arrival.
  std::uint32_t arrival;
  // The entry of DrainTurns that the retry takes.
  std::uint32_t turn_entry;
  Turn turn;
  RequestTraits traits;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_TICKET_H_
