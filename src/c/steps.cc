// The retry steps of the C interface.
#include <atomic>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "c/error.h"
#include "c/inbox.h"
#include "c/waits.h"
#include "failover/handles.h"
#include "failover/internal/buffer_access.h"
#include "failover/retry_steps.h"

struct fo_steps : failover::c::OfOneProcess {
  enum class Phase : std::uint8_t {
    kIdle,     // no wait is under way
    kWaiting,  // the request is held
    kEnded,    // `waited` has how the wait ended
  };

  explicit fo_steps(failover::RetryPolicy policy) : steps(policy) {}

  failover::RetrySteps steps;
  // The release of kEnded publishes `waited` to the thread that goes on.
  std::atomic<Phase> phase{Phase::kIdle};
  std::optional<absl::StatusOr<failover::RetryDoneFunc>> waited;
  fo_wait* wait = nullptr;
  // The work that fo_steps_take_work could not hand over. The work ends with the attempt.
  failover::WorkToken kept_work;
};

namespace c = failover::c;

namespace {

using Phase = fo_steps::Phase;
using Step = failover::RetrySteps::Step;

absl::Time TimeOf(std::int64_t now_ms) { return absl::UnixEpoch() + absl::Milliseconds(now_ms); }

std::int32_t NumberOf(Step step) {
  switch (step) {
    case Step::kWait:
      return FO_STEP_WAIT;
    case Step::kAttempt:
      return FO_STEP_ATTEMPT;
    case Step::kFinish:
      return FO_STEP_FINISH;
  }
  return FO_WRONG_STATE;
}

// FO_OK if the object may be used, is at this step, and no wait is under way.
fo_result CheckStep(const fo_steps* steps, Step step) {
  if (const fo_result result = c::Check(steps, "steps"); result != FO_OK) return result;
  // The acquire pairs with the release in EndWait.
  if (steps->phase.load(std::memory_order_acquire) != Phase::kIdle || steps->steps.step() != step) {
    return c::Fail(FO_WRONG_STATE, "the call does not fit to the step");
  }
  return FO_OK;
}

void EndWait(fo_steps& steps, absl::StatusOr<failover::RetryDoneFunc> result) {
  steps.waited.emplace(std::move(result));
  steps.phase.store(Phase::kEnded, std::memory_order_release);
}

// Returns what the wait of `steps` answered, if it ended at once.
fo_result EndAtOnce(fo_steps& steps, absl::StatusOr<failover::RetryDoneFunc> result) {
  const fo_result answer = result.ok() ? static_cast<fo_result>(FO_OK) : c::Fail(result.status());
  EndWait(steps, std::move(result));
  return answer;
}

fo_result Wait(fo_steps& steps, std::int64_t now_ms, fo_buffer& buffer, fo_shard shard,
               failover::Inbox* inbox, void (*ended)(void*), void* arg) {
  failover::RequestContext context = steps.steps.context(TimeOf(now_ms));
  context.inbox = inbox;
  failover::LastAttempt last =
      failover::LastAttempt(steps.steps.last()).After(steps.steps.TakePrevious());
  if (ended == nullptr) {
    return EndAtOnce(
        steps, buffer.buffer->WaitForFailoverEnd(context, c::HandleOf(shard), std::move(last)));
  }
  steps.phase.store(Phase::kWaiting, std::memory_order_relaxed);
  const absl::StatusOr<bool> held = c::StartWait(
      buffer, shard, context, std::move(last),
      [&steps, ended, arg](absl::StatusOr<failover::RetryDoneFunc> done) {
        EndWait(steps, std::move(done));
        ended(arg);
      },
      &steps.wait);
  if (!held.ok()) return EndAtOnce(steps, held.status());
  if (*held) return FO_HELD;
  failover::RetryDoneFunc token;
  if (steps.wait != nullptr) {
    token = steps.wait->request.TakeToken();
    fo_wait_free(std::exchange(steps.wait, nullptr));
  }
  return EndAtOnce(steps, std::move(token));
}

}  // namespace

fo_steps* fo_steps_create(int max_attempts) {
  fo_steps* made = nullptr;
  if (max_attempts < 0) {
    static_cast<void>(c::Invalid("max_attempts", "is negative"));
    return made;
  }
  static_cast<void>(c::Guarded([&] {
    failover::RetryPolicy policy;
    if (max_attempts > 0) policy.max_attempts = max_attempts;
    made = new fo_steps(policy);
    return FO_OK;
  }));
  return made;
}

int32_t fo_steps_start(fo_steps* steps, int64_t now_ms, const fo_request* request) {
  if (const fo_result result = CheckStep(steps, Step::kFinish); result != FO_OK) return result;
  if (const fo_result result = c::CheckRequest(request); result != FO_OK) return result;
  return c::Guarded(
      [&] { return NumberOf(steps->steps.Start(TimeOf(now_ms), c::ContextOf(request))); });
}

int32_t fo_steps_attempt_ended(fo_steps* steps, int64_t now_ms, fo_attempt attempt) {
  if (const fo_result result = CheckStep(steps, Step::kAttempt); result != FO_OK) return result;
  if (const fo_result result = c::CheckAttempt(attempt); result != FO_OK) return result;
  if (attempt == FO_ATTEMPT_NONE) return c::Invalid("attempt", "is FO_ATTEMPT_NONE");
  return c::Guarded([&] {
    steps->kept_work.End();
    return NumberOf(
        steps->steps.AttemptEnded(TimeOf(now_ms), static_cast<failover::Attempt>(attempt)));
  });
}

int32_t fo_steps_wait_ended(fo_steps* steps, int64_t now_ms) {
  if (const fo_result result = c::Check(steps, "steps"); result != FO_OK) return result;
  // The acquire pairs with the release in EndWait.
  if (steps->phase.load(std::memory_order_acquire) != Phase::kEnded) {
    return c::Fail(FO_WRONG_STATE, "no wait has ended");
  }
  return c::Guarded([&] {
    fo_wait_free(std::exchange(steps->wait, nullptr));
    steps->phase.store(Phase::kIdle, std::memory_order_relaxed);
    absl::StatusOr<failover::RetryDoneFunc> waited = *std::move(steps->waited);
    steps->waited.reset();
    return NumberOf(steps->steps.WaitEnded(TimeOf(now_ms), std::move(waited)));
  });
}

fo_result fo_steps_wait(fo_steps* steps, int64_t now_ms, fo_buffer* buffer, fo_shard shard,
                        fo_inbox* inbox, void (*ended)(void* arg), void* arg) {
  if (const fo_result result = CheckStep(steps, Step::kWait); result != FO_OK) return result;
  if (const fo_result result = c::Check(buffer, shard); result != FO_OK) return result;
  if (inbox != nullptr) {
    if (const fo_result result = c::Check(inbox, "inbox"); result != FO_OK) return result;
  }
  try {
    failover::Inbox* const home = inbox == nullptr ? nullptr : &inbox->inbox;
    return Wait(*steps, now_ms, *buffer, shard, home, ended, arg);
  } catch (...) {
    // The request goes on, and finishes with this error.
    steps->wait = nullptr;
    return EndAtOnce(*steps, absl::Status(absl::StatusCode::kResourceExhausted, ""));
  }
}

fo_result fo_steps_take_work(fo_steps* steps, fo_retry* work) {
  if (work != nullptr) *work = fo_retry{{0, 0}};
  if (const fo_result result = CheckStep(steps, Step::kAttempt); result != FO_OK) return result;
  if (work == nullptr) return c::Invalid("work", "is NULL");
  failover::WorkToken counted =
      steps->kept_work ? std::move(steps->kept_work) : steps->steps.TakeWork();
  failover::RetryDoneFunc token = failover::internal::BufferAccess::MakeToken(std::move(counted));
  const fo_result result = c::Guarded([&] {
    *work = c::Release(token);
    return FO_OK;
  });
  if (result != FO_OK) steps->kept_work = token.TakeWork();
  return result;
}

fo_result fo_steps_result(fo_steps* steps) {
  if (const fo_result result = CheckStep(steps, Step::kFinish); result != FO_OK) return result;
  const absl::Status& status = steps->steps.result();
  if (status.ok()) return FO_OK;
  const fo_result result = c::Fail(status);
  return status == steps->steps.wait_error() ? result : static_cast<fo_result>(FO_ATTEMPT_FAILED);
}

void fo_steps_destroy(fo_steps* steps) {
  if (!c::MayEnd(steps)) return;
  fo_wait_free(steps->wait);
  delete steps;
}
