// What becomes of a statement that failed: the part that is the same for every database.
//
// A module for a database looks an error up in a table of its own. The row of the table is a
// Verdict; Judge turns the error, the Verdict and the state of the statement into an absl::Status.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_OUTCOME_JUDGE_H_
#define FAILOVER_SRC_OUTCOME_JUDGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/export.h"
#include "failover/outcome.h"
#include "outcome/status_payload.h"

namespace failover::internal {

// What the table of a module says about an error.
struct Verdict {
  // The outcome of a statement that was sent and got this error.
  Outcome when_sent = Outcome::kUnknown;
  FailoverSign sign = FailoverSign::kNo;
};

// A Status that keeps `error` and the outcome of the statement. The Status is marked for
// CausedByFailover if the statement was certainly not executed, no transaction was open, and the
// error is a sign of a failover. The mark is RefusedAt::kConnect if the statement was not sent or
// if the sign is kForAnyStatement, and otherwise RefusedAt::kStatement. The Status is never OK: its
// code is kUnavailable if the statement was not executed, kAborted if the statement was rolled
// back, and otherwise kUnknown.
FAILOVER_EXPORT absl::Status Judge(const DatabaseError& error, const std::string& message,
                                   const Verdict& verdict, const StatementState& statement);

// Whether `text` contains `part`. Upper and lower case of ASCII letters count as equal.
FAILOVER_EXPORT bool ContainsIgnoreCase(std::string_view text, std::string_view part);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_OUTCOME_JUDGE_H_
