#include "failover/retry_steps.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "failover/errors.h"
#include "shard/buffer_error.h"

namespace failover {
namespace {

bool IsRefused(Attempt attempt) {
  return attempt == Attempt::kRefused || attempt == Attempt::kRefusedAtConnect;
}

absl::Status InWords(Attempt attempt) {
  switch (attempt) {
    case Attempt::kNone:
    case Attempt::kSucceeded:
      return absl::OkStatus();
    case Attempt::kRefused:
      return MarkCausedByFailover(
          absl::FailedPreconditionError("a failover made the server refuse the statement"));
    case Attempt::kRefusedAtConnect:
      return MarkCausedByFailover(
          absl::UnavailableError("a failover made the connection fail, nothing was sent"),
          RefusedAt::kConnect);
    case Attempt::kFailed:
      return absl::AbortedError("the statement failed");
    case Attempt::kUnknown:
      return absl::UnavailableError(
          "the statement was sent, and no answer came, so it may have been executed");
  }
  return absl::UnknownError("the statement failed");
}

}  // namespace

RetrySteps::RetrySteps(RetrySteps&& other) noexcept { *this = std::move(other); }

RetrySteps& RetrySteps::operator=(RetrySteps&& other) noexcept {
  if (this == &other) return *this;
  policy_ = other.policy_;
  step_ = std::exchange(other.step_, Step::kFinish);
  last_ = std::exchange(other.last_, Attempt::kNone);
  attempted_ = std::exchange(other.attempted_, false);
  reply_began_ = std::exchange(other.reply_began_, false);
  window_ = std::exchange(other.window_, Window::kNone);
  attempts_ = std::exchange(other.attempts_, 0);
  now_ = std::exchange(other.now_, absl::InfinitePast());
  deadline_ = std::exchange(other.deadline_, absl::InfiniteFuture());
  context_ = std::exchange(other.context_, RequestContext());
  token_ = std::move(other.token_);
  work_ = std::move(other.work_);
  error_ = std::exchange(other.error_, absl::OkStatus());
  wait_error_ = std::exchange(other.wait_error_, absl::OkStatus());
  result_ = std::exchange(other.result_, absl::OkStatus());
  return *this;
}

RetrySteps::Step RetrySteps::Start(absl::Time now, const RequestContext& context) {
  if (step_ != Step::kFinish) return Misused("Start, but the request has not finished");
  now_ = now;
  // InfinitePast + InfiniteDuration is InfinitePast, so a request without a timeout is a case of
  // its own.
  deadline_ =
      context.timeout == absl::InfiniteDuration() ? absl::InfiniteFuture() : now + context.timeout;
  context_ = context;
  context_.may_probe = true;
  last_ = Attempt::kNone;
  attempted_ = false;
  reply_began_ = false;
  window_ = Window::kNone;
  attempts_ = 0;
  token_ = RetryDoneFunc();
  work_.End();
  error_ = wait_error_ = result_ = absl::OkStatus();
  return step_ = Step::kWait;
}

RetrySteps::Step RetrySteps::AttemptEnded(absl::Time now, absl::Status error, Attempt attempt) {
  const bool refused = IsRefused(attempt);
  if (step_ != Step::kAttempt) return Misused("AttemptEnded, but no attempt is under way");
  if (attempt == Attempt::kNone) return Misused("AttemptEnded with Attempt::kNone");
  if (refused && reply_began_) return Misused("AttemptEnded with a refusal after ReplyBegan");
  EndAttempt(now, attempt == Attempt::kSucceeded ? absl::OkStatus() : std::move(error), attempt);
  // Without a token the Buffer would not learn of the refusal, so the request has to ask once more
  // even if its timeout is over.
  if (refused && MayAttemptAgain() && !(token_ && IsOverdue())) return step_ = Step::kWait;
  token_(attempt);
  return Finish(OwnError());
}

RetrySteps::Step RetrySteps::NotSent(absl::Time now, absl::Status error) {
  if (step_ != Step::kAttempt) return Misused("NotSent, but no attempt is under way");
  if (reply_began_) return Misused("NotSent after ReplyBegan");
  if (error.ok()) error = absl::UnavailableError("the connection failed, nothing was sent");
  EndAttempt(now, std::move(error), Attempt::kNone);
  if (!MayAttemptAgain()) return Finish(error_);
  if (!token_) return step_ = Step::kWait;
  return IsOverdue() ? Finish(error_) : step_;
}

void RetrySteps::EndAttempt(absl::Time now, absl::Status error, Attempt attempt) {
  now_ = std::max(now_, now);
  error_ = std::move(error);
  last_ = attempt;
  attempted_ = true;
  ++attempts_;
  work_.End();
}

RetrySteps::Step RetrySteps::WaitEnded(absl::Time now, absl::StatusOr<RetryDoneFunc> result) {
  if (step_ != Step::kWait) return Misused("WaitEnded, but no wait is under way");
  now_ = std::max(now_, now);
  token_(last_);
  token_ = RetryDoneFunc();
  wait_error_ = result.status();
  if (!result.ok()) {
    // The Buffer says kDeadlineExceeded for kTimeout and for kWindowOver, and for nothing else.
    const bool time_is_over = absl::IsDeadlineExceeded(wait_error_);
    return Finish(attempted_ && time_is_over ? OwnError() : wait_error_);
  }
  const bool held = static_cast<bool>(*result);
  if (IsOverdue() && (held || attempted_)) {
    return Finish(attempted_ ? OwnError()
                             : internal::NamelessBufferError(
                                   BufferErrorReason::kTimeout,
                                   "the request was released when its timeout was over"));
  }
  if (!held && window_ == Window::kBegan) window_ = Window::kOver;
  if (held && window_ != Window::kOver) {
    window_ = Window::kBegan;
    attempts_ = 0;
  }
  token_ = *std::move(result);
  return step_ = Step::kAttempt;
}

void RetrySteps::ReplyBegan() {
  if (step_ != Step::kAttempt) {
    Misused("ReplyBegan, but no attempt is under way");
    return;
  }
  reply_began_ = true;
  // The statement is in flight until the client has its reply.
  if (!work_) work_ = token_.TakeWork();
  token_(Attempt::kSucceeded);
}

WorkToken RetrySteps::TakeWork() {
  if (step_ == Step::kAttempt) return work_ ? std::move(work_) : token_.TakeWork();
  Misused("TakeWork, but no attempt is under way");
  return {};
}

RequestContext RetrySteps::context(absl::Time now) {
  now_ = std::max(now_, now);
  RequestContext left = context_;
  if (deadline_ != absl::InfiniteFuture()) left.timeout = deadline_ - now_;
  return left;
}

RetryDoneFunc RetrySteps::TakePrevious() {
  if (step_ == Step::kWait) return std::move(token_);
  Misused("TakePrevious, but no wait is due");
  return RetryDoneFunc();
}

RetrySteps::Step RetrySteps::Misused(const char* what) {
  assert(false && "RetrySteps was told of an event that does not fit to its step");
  return Finish(absl::FailedPreconditionError(what));
}

RetrySteps::Step RetrySteps::Finish(absl::Status result) {
  token_ = RetryDoneFunc();
  work_.End();
  result_ = std::move(result);
  return step_ = Step::kFinish;
}

bool RetrySteps::MayAttemptAgain() const { return attempts_ < std::max(1, policy_.max_attempts); }

absl::Status RetrySteps::OwnError() const { return error_.ok() ? InWords(last_) : error_; }

}  // namespace failover
