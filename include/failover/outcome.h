// Tells whether a statement that failed was executed, whatever database it was sent to.
//
// A module for a database (failover/mysql/errors.h) knows what each error of that database means.
// It makes an absl::Status from the error and from a StatementState, and this header's OutcomeOf
// reads the result:
//
//   absl::Status status = failover::mysql::ToStatus(error, statement_state);
//   if (failover::OutcomeOf(status) == failover::Outcome::kNotExecuted) ...   // a retry is safe
//
// The header needs no client library. All types are plain data that own what they hold.
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_OUTCOME_H_
#define FAILOVER_OUTCOME_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "failover/attempt.h"
#include "failover/errors.h"
#include "failover/export.h"

namespace failover {

// How far a statement got before it failed.
enum class SendState : std::uint8_t {
  // Certainly no byte of the statement reached the server: there was no connection, the handshake
  // failed, or the first write failed without having written anything.
  kNotSent,
  // A part of the statement, or all of it, was sent. The error is the first that was heard of the
  // statement.
  kSent,
  // A part of the reply was passed on to the client already: rows, or the result of an earlier
  // statement of the same packet.
  kReplyStarted,
};

// What the router knows about the statement that failed. A router that is not sure keeps the
// default of `send_state` and sets the other fields to true: these values never allow too many
// retries.
struct StatementState {
  SendState send_state = SendState::kSent;
  // A transaction was open before the statement, or autocommit is off. The earlier statements of
  // the transaction are lost with it, so no single statement of it may be held and retried.
  bool in_transaction = false;
  // The client itself asked for read-only transactions, for instance with START TRANSACTION READ
  // ONLY. An error that says "this transaction is read-only" is then the client's own mistake.
  bool read_only_requested = false;
  // The statement holds several statements, and one of them may have been executed before another
  // was refused: a procedure call, a block of statements, several statements in one packet.
  bool compound = false;
};

// Whether the statement was executed.
enum class Outcome : std::uint8_t {
  // The statement was certainly not executed. A retry cannot execute it twice. If a transaction was
  // open (StatementState::in_transaction), the retry must begin with the whole transaction.
  kNotExecuted,
  // The statement was executed, and was rolled back together with its whole transaction. The client
  // may repeat the transaction.
  kRolledBack,
  // The server answered that the statement failed with an error of its own, such as a duplicate
  // key.
  kFailed,
  // Nobody knows whether the statement was executed. The client must be told so, because a retry
  // may execute the statement twice.
  kUnknown,
};

// The name of `outcome`: "NotExecuted", "RolledBack", "Failed" or "Unknown".
FAILOVER_EXPORT const char* ToString(Outcome outcome);

// Whether an error is a sign of a failover.
enum class FailoverSign : std::uint8_t {
  kNo,
  // The error is a sign of a failover, and the server gives it for writes only.
  kYes,
  // As kYes, unless StatementState::read_only_requested is set.
  kUnlessReadOnlyRequested,
  // The error is a sign of a failover, but a read gets it, too: no server could be reached, or the
  // server refuses whatever it is asked. The refusal is RefusedAt::kConnect.
  kForAnyStatement,
};

// The outcome that a module for a database gave to `status`; nullopt for any other Status. The
// outcome is a payload of the Status: whoever wraps the Status into another one must copy the
// payloads to keep it.
//
// The outcome tells more than CausedByFailover. A statement whose outcome is kNotExecuted without a
// failover (the connection was found dead before the statement was sent, or a limit of the server
// was reached) may be retried at once on another connection, outside a transaction.
//
// Does not allocate.
FAILOVER_EXPORT std::optional<Outcome> OutcomeOf(const absl::Status& status);

// The Attempt that ended with `outcome`. `refused` says that a failover caused the error, and what
// was refused; nullopt means that no failover caused it. Only a statement that was not executed can
// have been refused: for each other outcome, `refused` is ignored.
//  - kNotExecuted: kRefused or kRefusedAtConnect if a failover caused the error, otherwise kFailed.
//    Such a kFailed is a limit of the server, or a connection that was found dead before the
//    statement was sent. It says nothing about the shard. A router that finds a connection dead
//    takes another connection at once, and tells the Buffer only how that attempt ended.
//  - kRolledBack and kFailed: kFailed.
//  - kUnknown: kUnknown.
// Never pass `refused` for a COMMIT or for a statement inside a transaction.
FAILOVER_EXPORT Attempt AttemptOf(Outcome outcome, std::optional<RefusedAt> refused = std::nullopt);

// The Attempt that ended with `status`:
//  - OK: kSucceeded.
//  - The outcome of `status` is kUnknown: kUnknown, whatever else the Status says.
//  - CausedByFailover(status): kRefused or kRefusedAtConnect, as RefusedAtOf says.
//  - kUnavailable or kDeadlineExceeded without an outcome: kUnknown. The answer may have been lost.
//    That is not so for an error of a Buffer (ReasonOf), because nothing was sent.
//  - Everything else: kFailed.
// Knows nothing of BufferOptions::caused_by_failover. Does not allocate.
FAILOVER_EXPORT Attempt AttemptOf(const absl::Status& status);

}  // namespace failover

#endif  // FAILOVER_OUTCOME_H_
