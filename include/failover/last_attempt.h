// What a wait must know of the attempt before it: how it ended, why, and the token of the retry
// that it was.
//
//   buffer->WaitForFailoverEnd(context, shard, status);                     // an absl::Status
//   buffer->WaitForFailoverEnd(context, shard, failover::Attempt::kRefused);
//   buffer->WaitForFailoverEnd(context, shard,                              // the retry was
//   refused
//                              failover::LastAttempt(status).After(std::move(retry_done)));
#ifndef FAILOVER_LAST_ATTEMPT_H_
#define FAILOVER_LAST_ATTEMPT_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "failover/attempt.h"
#include "failover/handles.h"

namespace failover {

namespace internal {

// What the inside of a Buffer is told of the attempt before. It owns nothing.
struct AttemptView {
  explicit AttemptView(const absl::Status& status)
      : error(status.ok() ? nullptr : &status),
        attempt(status.ok() ? Attempt::kNone : Attempt::kFailed) {}
  AttemptView(Attempt its_attempt, std::string_view its_reason)
      : attempt(its_attempt), why(its_reason) {}

  // Whether there was no attempt, or the attempt needs no repetition.
  bool ok() const {
    return error == nullptr && (attempt == Attempt::kNone || attempt == Attempt::kSucceeded);
  }

  // If this is not nullptr, the Buffer's classifier says what `attempt` is.
  const absl::Status* error = nullptr;
  Attempt attempt = Attempt::kNone;
  std::string_view why = {};
  // The token that comes back, if there is one.
  RetryDoneFunc* previous = nullptr;
};

}  // namespace internal

// A parameter type, made in the call that takes it. It refers to the Status and to the text that it
// was made from, which must live until the call returns (co_await: until the coroutine goes on).
// Move-only, because it may own a token.
class LastAttempt {
 public:
  // OK means that there was no attempt, or that it succeeded. The Buffer's classifier
  // (BufferOptions::caused_by_failover) says whether a failover caused an error.
  LastAttempt(const absl::Status& error)  // NOLINT(google-explicit-constructor): as a Status
      : view_(error) {}
  // `why` goes to the log, with the line that a failover began. It must not hold anything secret.
  LastAttempt(Attempt attempt,  // NOLINT(google-explicit-constructor): as an Attempt
              std::string_view why = {})
      : view_(attempt, why) {}

  // The attempt was the retry that `previous` stands for. If the retry was refused, the request
  // gets its old place back: its place in the queue, its slot and what is left of its window. If
  // the retry ended otherwise, `previous` is told so. If `previous` belongs to another shard, it is
  // ended without an outcome. An empty `previous` changes nothing at all.
  LastAttempt After(RetryDoneFunc previous) && {
    previous_ = std::move(previous);
    has_previous_ = true;
    return std::move(*this);
  }

  // Whether a request passes a gate that is open for requests that have not failed. A token that
  // comes back must be looked at.
  bool PassesIf(bool open) const { return open && !has_previous_ && view_.ok(); }

  // Refers to *this.
  internal::AttemptView view() {
    internal::AttemptView view = view_;
    if (has_previous_) view.previous = &previous_;
    return view;
  }

 private:
  internal::AttemptView view_;
  bool has_previous_ = false;
  RetryDoneFunc previous_;
};

}  // namespace failover

#endif  // FAILOVER_LAST_ATTEMPT_H_
