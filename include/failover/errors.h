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

// Whether an error says that the statement was refused because of a failover or a resharding, was
// not executed, and is worth a retry once the failover is over. That is true for these:
//  - a Status that MarkCausedByFailover marked;
//  - the code CLUSTER_EVENT of vttablet (raw code 17, Vitess 0.11 and later);
//  - FAILED_PRECONDITION or INTERNAL with a text of earlier versions of vttablet: a tablet that is
//    NOT_SERVING or SHUTTING_DOWN, errno 1290 with the --read-only text or in its terse form, or
//    errno 1227 with "failover in progress";
//  - FAILED_PRECONDITION with "disallowed due to rule" (MoveTables).
// It is false for everything else, OK included. It is false for a lost connection (2006, 2013),
// because nobody knows whether the statement was executed. Does not allocate.
FAILOVER_EXPORT bool CausedByFailover(const absl::Status& status);

// Marks an error of your own as caused by a failover: returns `status` with a payload that
// CausedByFailover looks for. Use it only for statements that were certainly not executed. OK stays
// OK.
FAILOVER_EXPORT absl::Status MarkCausedByFailover(absl::Status status);

// Why a Buffer could not hold a request, or could not hold it any longer.
enum class BufferErrorReason : std::uint8_t {
  kBufferFull,    // kUnavailable: no slot or too few bytes are free, and this shard holds no
                  // older request to evict (or there is no memory for one more request)
  kEvicted,       // kUnavailable: the request made room for a newer one
  kCancelled,     // kCancelled: a Cancellation or a std::stop_token cancelled the request
  kTimeout,       // kDeadlineExceeded: RequestContext::timeout is over
  kShardMissing,  // kUnavailable: the shard is gone after a resharding; route the query anew
};

// Returns the name of a value without its leading k: "BufferFull", "Evicted", ...
FAILOVER_EXPORT std::string_view ToString(BufferErrorReason reason);

// Returns the reason of an error that came from a Buffer, and nullopt for any other Status. The
// reason is a payload of the Status. A program that wraps the error into a Status of its own must
// copy the payloads to keep the reason.
FAILOVER_EXPORT std::optional<BufferErrorReason> ReasonOf(const absl::Status& status);

}  // namespace failover

#endif  // FAILOVER_ERRORS_H_
