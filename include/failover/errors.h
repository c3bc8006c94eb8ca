// The errors that start a failover, and the errors that a Buffer returns.
//
// Thread-safety: the functions are pure and may be called from anywhere.
//
//   if (failover::CausedByFailover(status)) ...            // hold and retry is safe
//   if (failover::ReasonOf(status) == failover::BufferErrorReason::kBufferFull) ...
#ifndef FAILOVER_ERRORS_H_
#define FAILOVER_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "failover/export.h"

namespace failover {

// Whether an error says that the statement was refused because of a failover (or resharding), was
// not executed, and is worth a retry once the failover is over. True for
//  - a Status that MarkCausedByFailover marked;
//  - what vttablet sends: the code CLUSTER_EVENT (raw code 17, Vitess 0.11 and later); and with
//    FAILED_PRECONDITION or INTERNAL the texts of earlier versions: a tablet that is
//    NOT_SERVING or SHUTTING_DOWN, errno 1290 with the --read-only text or in its terse form,
//    errno 1227 "failover in progress"; FAILED_PRECONDITION with "disallowed due to rule"
//    (MoveTables).
// False for everything else, OK included. A lost connection (2006, 2013) is never one of these:
// whether the statement was executed is unknown.
// Does not allocate.
FAILOVER_EXPORT bool CausedByFailover(const absl::Status& status);

// Marks an error of your own as caused by a failover: `status` with a payload that
// CausedByFailover looks for. Only for statements that were certainly not executed. OK stays OK.
FAILOVER_EXPORT absl::Status MarkCausedByFailover(absl::Status status);

// Why a Buffer could not hold a request, or no longer.
enum class BufferErrorReason : std::uint8_t {
  kBufferFull,    // kUnavailable: no slot or too few bytes are free, and this shard holds no
                  // older request to evict (or the memory for one more ran out)
  kEvicted,       // kUnavailable: made room for a newer request
  kCancelled,     // kCancelled: by Cancellation, std::stop_token
  kTimeout,       // kDeadlineExceeded: RequestContext::timeout is over
  kShardMissing,  // kUnavailable: the shard is gone after a resharding; route the query anew
};

// "BufferFull", "Evicted", ...
FAILOVER_EXPORT std::string_view ToString(BufferErrorReason reason);

// The reason of an error that came from a Buffer, nullopt for any other Status. It is a payload
// of the Status: whoever wraps one into a Status of their own must copy the payloads to keep it.
FAILOVER_EXPORT std::optional<BufferErrorReason> ReasonOf(const absl::Status& status);

}  // namespace failover

#endif  // FAILOVER_ERRORS_H_
