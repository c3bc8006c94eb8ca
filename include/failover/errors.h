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
// because nobody knows whether the statement was executed. Without a mark it is false for a text
// with "(sqlstate 45000)": a SIGNAL in a user's procedure or trigger has that SQLSTATE, and may
// have any number and text. Does not allocate.
FAILOVER_EXPORT bool CausedByFailover(const absl::Status& status);

// What a failover made a server refuse.
enum class RefusedAt : std::uint8_t {
  // A statement, because it writes. If the request succeeds later, the shard takes writes.
  kStatement,
  // More than writes: no server could be reached, or the server refused the connection, or the
  // server refused whatever it was asked. The request may have been a read. If the request succeeds
  // later, somebody answers, but the shard may not take writes yet.
  kConnect,
};

// Marks an error of your own as caused by a failover: returns `status` with a payload that
// CausedByFailover looks for. Use it only for statements that were certainly not executed. OK stays
// OK. The call without RefusedAt means kStatement, but a Status that is marked already keeps its
// mark.
FAILOVER_EXPORT absl::Status MarkCausedByFailover(absl::Status status);
FAILOVER_EXPORT absl::Status MarkCausedByFailover(absl::Status status, RefusedAt at);

// What the mark of `status` says; kStatement if there is no mark. Does not allocate.
FAILOVER_EXPORT RefusedAt RefusedAtOf(const absl::Status& status);

// Why a Buffer could not hold a request, or could not hold it any longer.
enum class BufferErrorReason : std::uint8_t {
  kBufferFull,    // kUnavailable: no slot or too few bytes are free, and this shard holds no
                  // older request to evict (or there is no memory for one more request)
  kEvicted,       // kUnavailable: the request made room for a newer one
  kCancelled,     // kCancelled: a Cancellation or a std::stop_token cancelled the request
  kTimeout,       // kDeadlineExceeded: RequestContext::timeout is over
  kShardMissing,  // kUnavailable: the shard is gone after a resharding; route the query anew
  kWindowOver,    // kDeadlineExceeded: the request came back after the end of its window, or came
                  // back and its window ended while a planned switchover held everything
};

// Returns the name of a value without its leading k: "BufferFull", "Evicted", ...
FAILOVER_EXPORT std::string_view ToString(BufferErrorReason reason);

// Returns the reason of an error that came from a Buffer, and nullopt for any other Status. The
// reason is a payload of the Status. A program that wraps the error into a Status of its own must
// copy the payloads to keep the reason.
FAILOVER_EXPORT std::optional<BufferErrorReason> ReasonOf(const absl::Status& status);

}  // namespace failover

#endif  // FAILOVER_ERRORS_H_
