// Attempts and errors, for routers whose errors are absl::Status and whose loops stand on
// RetrySteps.
//
//   step = steps.AttemptEnded(now, status, failover::AttemptOf(*buffer, status));
//   ...
//   buffer->WaitForFailoverEnd(steps.context(now), shard,
//                              failover::TakeLastAttempt(*buffer, steps));
#ifndef FAILOVER_ATTEMPT_OF_H_
#define FAILOVER_ATTEMPT_OF_H_

#include <utility>

#include "absl/status/status.h"
#include "failover/attempt.h"
#include "failover/buffer.h"
#include "failover/errors.h"
#include "failover/internal/buffer_access.h"
#include "failover/last_attempt.h"
#include "failover/retry_steps.h"

namespace failover {

// How an attempt ended, by its error: refused if the Buffer's classifier says that a failover
// caused the error. kUnavailable and kDeadlineExceeded without that count as kUnknown, because the
// server may have executed the statement before the connection was lost. RefusedAtOf says how far a
// refused attempt got. Never kNone.
//
// A function cannot see from a Status that the statement was a COMMIT, was part of a transaction,
// or had sent a part of its reply to the client. The router must look at that first (see
// RetrySteps). Thread-safe.
inline Attempt AttemptOf(const Buffer& buffer, const absl::Status& error) {
  return internal::BufferAccess::AttemptOf(buffer, error);
}

// What a wait is given at RetrySteps::Step::kWait: how the last attempt ended, and the token of the
// retry that it was. Refers to `steps`, so `steps` must stay as it is until the wait returns. The
// Buffer gets the error itself, for its log and for the text of its own errors, if its classifier
// agrees with what the router said of the error.
inline LastAttempt TakeLastAttempt(const Buffer& buffer, RetrySteps& steps) {
  const absl::Status& error = steps.error();
  const bool agrees = !error.ok() && AttemptOf(buffer, error) == steps.last();
  LastAttempt last = agrees ? LastAttempt(error) : LastAttempt(steps.last());
  return std::move(last).After(steps.TakePrevious());
}

}  // namespace failover

#endif  // FAILOVER_ATTEMPT_OF_H_
