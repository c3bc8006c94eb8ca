// The rules of a retry loop, as a machine that does no waiting and no sending itself. A router on
// an event loop, on fibers or in another language asks the machine what to do next.
//
//   #include "failover/attempt_of.h"  // AttemptOf, TakeLastAttempt
//
//   failover::RetrySteps steps;
//   failover::RetrySteps::Step step = steps.Start(buffer->Now(), context);
//   while (step != failover::RetrySteps::Step::kFinish) {
//     if (step == failover::RetrySteps::Step::kWait) {
//       auto done = buffer->WaitForFailoverEnd(steps.context(buffer->Now()), shard,
//                                              failover::TakeLastAttempt(*buffer, steps));
//       step = steps.WaitEnded(buffer->Now(), std::move(done));
//     } else {
//       const absl::Status status = Execute(query);
//       step = steps.AttemptEnded(buffer->Now(), status, failover::AttemptOf(*buffer, status));
//     }
//   }
//   return steps.result();
//
// docs/guide/embedding.md has the loop with callbacks. failover/retry.h and
// failover/coroutine_retry.h have such loops ready made. A router whose errors are no Status hands
// over LastAttempt(steps.last()).After(steps.TakePrevious()).
#ifndef FAILOVER_RETRY_STEPS_H_
#define FAILOVER_RETRY_STEPS_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/attempt.h"
#include "failover/export.h"
#include "failover/handles.h"
#include "failover/request_context.h"

namespace failover {

struct RetryPolicy {
  // How many attempts there may be with no hold between them. The default is vtgate's. Less than 1
  // counts as 1. A request that is held begins to count anew, so between holds only its window and
  // its timeout limit the attempts. A request that came back, and was not held again, goes on to
  // count for good: each hold after that has another window, and they must not be endless.
  int max_attempts = 3;
};

// The steps of one request: wait, attempt, wait again if a failover made the attempt fail, and so
// on until the request is finished.
//
// The rules:
//  - The Buffer is asked before every attempt, before the first one, too.
//  - Only a refused attempt (kRefused, kRefusedAtConnect) is repeated. kSucceeded, kFailed and
//    kUnknown finish the request.
//  - A refused retry hands its token back to the next wait, so the request keeps its place, its
//    slot and the rest of its window. Every other token is told how its attempt ended, exactly
//    once.
//  - The request finishes with the attempt's own error when its window or its timeout is over, or
//    when RetryPolicy::max_attempts is reached.
//
// What the router must see to: a statement may be repeated only if the router calls its attempt
// refused. The router must not say kRefused or kRefusedAtConnect
//  - after a part of the reply was forwarded (ReplyBegan makes this an error);
//  - for COMMIT: without an answer a COMMIT is kUnknown, and with an error it is kFailed;
//  - for a statement inside a transaction, which is lost as a whole (Buffer::NoteRefused tells the
//    Buffer of the refusal).
//
// Misuse (an event that does not fit to the step, Attempt::kNone as the end of an attempt) fails an
// assertion in debug builds. In other builds the request finishes with kFailedPrecondition.
//
// `now` is a time on the Buffer's clock: Buffer::Now. Only differences count, so the same monotonic
// clock must be read each time. Thread-safety: one thread at a time. Lifetime: refers to nothing
// but RequestContext::cancellation. If the object is destroyed or assigned to half-way, its token
// ends untold. A moved-from object is as a new one with the same policy.
class FAILOVER_EXPORT RetrySteps {
 public:
  enum class Step : std::uint8_t {
    kWait,     // call one of the Buffer's waits, and then WaitEnded
    kAttempt,  // make one attempt, and then AttemptEnded
    kFinish,   // answer the client with result()
  };

  explicit RetrySteps(RetryPolicy policy = {}) : policy_(policy) {}
  RetrySteps(RetrySteps&& other) noexcept;
  RetrySteps& operator=(RetrySteps&& other) noexcept;

  // Begins a request, and returns kWait. context.timeout counts from `now`. An object that has
  // finished may be started again.
  Step Start(absl::Time now, const RequestContext& context);

  // Says how the attempt ended. The error is what result() returns if the request finishes with
  // this attempt. A router whose errors are no Status leaves the error out and keeps its own.
  //
  // A refused attempt that has used up the timeout leads to one more wait, unless the request was
  // held before. That wait holds nothing, but it tells the Buffer of the refusal.
  Step AttemptEnded(absl::Time now, absl::Status error, Attempt attempt);
  Step AttemptEnded(absl::Time now, Attempt attempt) {
    return AttemptEnded(now, absl::OkStatus(), attempt);
  }
  // The time is the latest that *this was given.
  Step AttemptEnded(Attempt attempt) { return AttemptEnded(now_, absl::OkStatus(), attempt); }

  // Says that the attempt ended before anything was sent, for a reason that is no sign of a
  // failover, such as a pooled connection that was found dead. The request tries again at once:
  // with the right to retry that it has, or else as a request that has not failed yet. Counts as an
  // attempt.
  Step NotSent(absl::Time now, absl::Status error);

  // Says what the wait returned, or what its callback was given. An asynchronous wait that held
  // nothing counts as RetryDoneFunc(). A request that was released only after its timeout was over
  // is not attempted any more. A request that passed at its first wait is attempted in any case,
  // because RequestContext::timeout limits the waiting only.
  Step WaitEnded(absl::Time now, absl::StatusOr<RetryDoneFunc> result);
  // The time is the latest that *this was given.
  Step WaitEnded(absl::StatusOr<RetryDoneFunc> result) {
    return WaitEnded(now_, std::move(result));
  }

  // Says that the first part of the reply is here and is about to be forwarded to the client. The
  // Buffer need not wait until the client has read all of the reply: the token is told kSucceeded
  // at once. Counted work stays counted until AttemptEnded. From then on the attempt must not be
  // called refused. Only for the step kAttempt.
  void ReplyBegan();

  // For the step kAttempt. Takes the work of the request (RequestContext::work), which stays
  // counted until the WorkToken ends. A router that began a transaction with this attempt calls
  // TakeWork before AttemptEnded, and keeps the WorkToken until the transaction has ended.
  // Otherwise AttemptEnded ends the work. If the attempt is refused, end the WorkToken first.
  WorkToken TakeWork();

  // For the step kWait. What the wait is given: the request's context, with what is left of the
  // timeout (zero or less if nothing is left) and with may_probe set.
  RequestContext context(absl::Time now);
  // For the step kWait. The token that goes back to the Buffer; empty if there is none. A token
  // that is not taken is told of the refusal in WaitEnded.
  RetryDoneFunc TakePrevious();

  // The step that the last call returned.
  Step step() const { return step_; }
  // How the last attempt ended. kNone if there was no attempt yet, or if nothing was sent
  // (NotSent).
  Attempt last() const { return last_; }
  // The error of the last attempt, as the router gave it. OK if the router gave none.
  const absl::Status& error() const { return error_; }
  // The error with which the last wait ended; otherwise OK.
  const absl::Status& wait_error() const { return wait_error_; }

  // For the step kFinish. One of these:
  //  - OK: the attempt succeeded.
  //  - The attempt's own error, also if the window (BufferErrorReason::kWindowOver) or the timeout
  //    (kTimeout) ended a later wait. If the router gave no error, this is an error that says in
  //    words what last() says. If the attempt was refused, CausedByFailover is true for that error.
  //  - The Buffer's error (ReasonOf): the request could not be held, or not any longer. With
  //    kShardMissing the router routes the request anew. kTimeout is returned only for a request
  //    that was never attempted.
  const absl::Status& result() const { return result_; }

 private:
  // Not inline, as misuse is rare.
  Step Misused(const char* what);
  Step Finish(absl::Status result);
  bool IsOverdue() const { return now_ >= deadline_; }
  void EndAttempt(absl::Time now, absl::Status error, Attempt attempt);
  bool MayAttemptAgain() const;
  // The error of the last attempt, in words if the router gave none.
  absl::Status OwnError() const;

  RetryPolicy policy_;
  Step step_ = Step::kFinish;
  Attempt last_ = Attempt::kNone;
  bool attempted_ = false;
  bool reply_began_ = false;
  // Whether the request was held, and whether it was not held again when it came back.
  enum class Window : std::uint8_t { kNone, kBegan, kOver };
  Window window_ = Window::kNone;
  // How many attempts were made since the request was last held in its window.
  int attempts_ = 0;
  absl::Time now_ = absl::InfinitePast();
  absl::Time deadline_ = absl::InfiniteFuture();
  RequestContext context_;
  RetryDoneFunc token_;
  // The work of an attempt whose token was told kSucceeded by ReplyBegan.
  WorkToken work_;
  absl::Status error_;
  absl::Status wait_error_;
  absl::Status result_;
};

}  // namespace failover

#endif  // FAILOVER_RETRY_STEPS_H_
