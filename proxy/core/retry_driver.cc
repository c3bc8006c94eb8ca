#include "proxy/core/retry_driver.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "failover/attempt.h"
#include "failover/attempt_of.h"
#include "failover/errors.h"
#include "failover/last_attempt.h"
#include "failover/outcome.h"

namespace proxy {
namespace {

using Step = failover::RetrySteps::Step;

// One attempt and two retries, as in Vitess's gateway (vtgate).
constexpr int kMaxAttempts = 3;

// Whether a hold that ended for this reason may have ended before the failover did.
bool MayHaveEndedEarly(std::optional<failover::StopReason> reason) {
  return !reason.has_value() || *reason == failover::StopReason::kMaxDurationExceeded ||
         *reason == failover::StopReason::kPrimaryServingAgain;
}

// How an attempt ended. After a part of the reply nothing counts as refused.
failover::Attempt AttemptEndedBy(const absl::Status& error, bool reply_began) {
  const failover::Attempt attempt = failover::AttemptOf(error);
  const bool refused =
      attempt == failover::Attempt::kRefused || attempt == failover::Attempt::kRefusedAtConnect;
  return refused && reply_began ? failover::Attempt::kUnknown : attempt;
}

}  // namespace

RetryDriver::RetryDriver(const Context& context, const Executor& executor)
    : context_(context), wait_(executor, context.buffer, context.shard) {}

Task<RetryResult> RetryDriver::Run(RetriedStatement& statement, ClientSocket& client) {
  const absl::Duration window = TakeWindow();
  hold_ = {};
  if (!statement.MayBeHeld()) {
    std::optional<RetryResult> result = co_await RunWithoutHold(statement);
    if (!statement.LeavesTransaction()) TransactionEnded();
    if (result.has_value()) co_return *std::move(result);
  }
  RetryResult result = co_await RunWithHolds(statement, window, client);
  if (!statement.LeavesTransaction()) TransactionEnded();
  if (statement.IsLogin() && hold_.duration > absl::ZeroDuration()) {
    hold_.end = Now();
    hold_.epoch = context_.shard.epoch();
    login_hold_ = hold_;
  }
  co_return result;
}

absl::Duration RetryDriver::TakeWindow() {
  const std::optional<Hold> login = std::exchange(login_hold_, std::nullopt);
  if (!login.has_value()) return absl::InfiniteDuration();
  const bool same_failover = MayHaveEndedEarly(login->reason) &&
                             login->epoch == context_.shard.epoch() &&
                             Now() - login->end < context_.window;
  if (!same_failover) return absl::InfiniteDuration();
  return std::max(context_.window - login->duration, absl::ZeroDuration());
}

Task<std::optional<RetryResult>> RetryDriver::RunWithoutHold(RetriedStatement& statement) {
  RetryResult result;
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    ReplyNotice notice(nullptr);
    result.error = co_await statement.Try(notice);
    const failover::Attempt ended = AttemptEndedBy(result.error, notice.began());
    const bool refused_at_connect = ended == failover::Attempt::kRefusedAtConnect;
    const bool may_repeat = !notice.began() && statement.MayRepeatAtOnce(result.error);
    if ((refused_at_connect || may_repeat) && statement.MayBeHeld()) co_return std::nullopt;
    if (refused_at_connect || ended == failover::Attempt::kRefused) {
      context_.buffer.NoteRefused(context_.shard, "a statement that is not repeated was refused");
    }
    if (!may_repeat) break;
  }
  co_return result;
}

Task<RetryResult> RetryDriver::RunWithHolds(RetriedStatement& statement, absl::Duration window,
                                            ClientSocket& client) {
  failover::RetrySteps steps(failover::RetryPolicy{kMaxAttempts});
  failover::RequestContext request;
  request.timeout = window;
  request.bytes = statement.bytes();
  request.writes = statement.Writes();
  request.work = statement.work();
  RetryResult result;
  bool ended_in_wait = false;
  Step step = steps.Start(Now(), request);
  while (step != Step::kFinish) {
    ended_in_wait = step == Step::kWait;
    if (step == Step::kAttempt) {
      step = co_await Attempt(steps, statement);
    } else {
      result.before = context_.buffer.IsFailover(steps.error()) ? steps.error() : absl::OkStatus();
      step = co_await Wait(steps, statement.MayComeBack(), client);
    }
  }
  result.error = steps.result();
  // A wait without an error came too late: the window was over before this thread knew.
  const bool window_is_over =
      ended_in_wait && (steps.wait_error().ok() || failover::ReasonOf(steps.wait_error()) ==
                                                       failover::BufferErrorReason::kTimeout);
  if (window_is_over && statement.MayBeHeld()) {
    result.error = co_await TryLast(statement, std::move(result.error));
  }
  co_return result;
}

// The Buffer counts no work for this attempt. So the attempt is left out during a planned
// switchover: the servers could change roles while the statement is on its way.
Task<absl::Status> RetryDriver::TryLast(RetriedStatement& statement, absl::Status wait_error) {
  uncounted_.emplace(context_.uncounted);
  if (!uncounted_->may_run()) {
    uncounted_.reset();
    co_return wait_error;
  }
  ReplyNotice notice(nullptr);
  co_return co_await statement.Try(notice);
}

Task<Step> RetryDriver::Wait(failover::RetrySteps& steps, bool may_probe, ClientSocket& client) {
  const absl::Time began = Now();
  failover::RequestContext request = steps.context(began);
  request.may_probe = may_probe;
  failover::LastAttempt last = failover::TakeLastAttempt(context_.buffer, steps);
  absl::StatusOr<failover::RetryDoneFunc> waited = co_await wait_.Wait(request, last, client);
  const absl::Time now = Now();
  if (!waited.ok() || *waited) {
    hold_.duration += now - began;
    hold_.reason = waited.ok() ? waited->released_by() : std::nullopt;
  }
  co_return steps.WaitEnded(now, std::move(waited));
}

Task<Step> RetryDriver::Attempt(failover::RetrySteps& steps, RetriedStatement& statement) {
  ReplyNotice notice(&steps);
  absl::Status error = co_await statement.Try(notice);
  if (!error.ok() && !notice.began() && statement.MayRepeatAtOnce(error)) {
    co_return steps.NotSent(Now(), std::move(error));
  }
  const failover::Attempt attempt =
      error.ok() ? failover::Attempt::kSucceeded : AttemptEndedBy(error, notice.began());
  // A refused statement may wait again, and no switchover gets quiet if its work is kept meanwhile.
  const bool refused =
      attempt == failover::Attempt::kRefused || attempt == failover::Attempt::kRefusedAtConnect;
  if (!refused && statement.LeavesTransaction()) transaction_ = steps.TakeWork();
  co_return steps.AttemptEnded(Now(), std::move(error), attempt);
}

}  // namespace proxy
