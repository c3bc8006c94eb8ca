#include "c/waits.h"

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "c/error.h"
#include "c/inbox.h"
#include "failover/internal/buffer_access.h"

namespace failover::c {

// ---- Tokens -------------------------------------------------------------------------------------

// If the first word of an OpaqueRetry is not zero, the second is. It then keeps the process.
fo_retry Release(RetryDoneFunc& token) {
  const OpaqueRetry opaque = token.Release();
  fo_retry retry = {{opaque.words[0], opaque.words[1]}};
  if (opaque.words[0] != 0) retry.opaque[1] = static_cast<std::uint64_t>(ThisProcess());
  return retry;
}

fo_retry ToC(RetryDoneFunc token) noexcept {
  try {
    return Release(token);
  } catch (...) {
    return fo_retry{{0, 0}};
  }
}

RetryDoneFunc TakeToken(fo_retry* retry) noexcept {
  if (retry == nullptr) return {};
  OpaqueRetry opaque;
  opaque.words[0] = retry->opaque[0];
  if (retry->opaque[0] == 0) opaque.words[1] = retry->opaque[1];
  *retry = fo_retry{{0, 0}};
  return RetryDoneFunc::Adopt(opaque);
}

fo_result CheckToken(const fo_retry* retry, std::string_view name) noexcept {
  if (retry == nullptr || retry->opaque[0] == 0) return FO_OK;
  if (retry->opaque[1] == static_cast<std::uint64_t>(ThisProcess())) return FO_OK;
  static_cast<void>(Invalid(name, "is of another process"));
  return FO_WRONG_PROCESS;
}

// ---- Requests -----------------------------------------------------------------------------------

fo_result CheckAttempt(fo_attempt attempt) noexcept {
  if (attempt >= FO_ATTEMPT_NONE && attempt <= FO_ATTEMPT_UNKNOWN) return FO_OK;
  return Invalid("the attempt", "is no FO_ATTEMPT_...");
}

fo_result CheckRequest(const fo_request* request) noexcept {
  if (request == nullptr) return FO_OK;
  if (const fo_result size = CheckSize(request->struct_size, sizeof(*request), "request");
      size != FO_OK) {
    return size;
  }
  if (request->reserved != 0) return Invalid("request.reserved", "is not zero");
  if (request->work < FO_WORK_UNCOUNTED || request->work > FO_WORK_TRANSACTION) {
    return Invalid("request.work", "is no FO_WORK_...");
  }
  return FO_OK;
}

RequestContext ContextOf(const fo_request* request) {
  RequestContext context;
  if (request == nullptr) return context;
  if (request->timeout_ms > 0) context.timeout = absl::Milliseconds(request->timeout_ms);
  if (request->timeout_ms < 0) context.timeout = absl::ZeroDuration();
  context.bytes = request->bytes;
  context.may_probe = request->may_probe != 0;
  context.writes = request->writes != 0;
  context.work = static_cast<Work>(request->work);
  return context;
}

absl::StatusOr<bool> StartWait(fo_buffer& buffer, fo_shard shard, const RequestContext& context,
                               LastAttempt last, WaitCallback callback, fo_wait** out) {
  std::unique_ptr<fo_wait> wait;
  if (out != nullptr) {
    wait = std::make_unique<fo_wait>();
    *out = wait.get();
  }
  absl::StatusOr<BufferedRequest> request = buffer.buffer->WaitForFailoverEndAsync(
      context, HandleOf(shard), std::move(last), std::move(callback));
  const absl::Status status = request.status();
  const bool held = request.ok() && *request;
  const bool counted = request.ok() && context.work != Work::kUncounted;
  if (wait == nullptr) {
    if (held) request->Detach();
  } else if (held || counted) {
    wait->request = *std::move(request);
    // The acquire sees what the callback did before it freed the wait. The release publishes the
    // request for the threads that use the handle.
    if (wait->state.exchange(fo_wait::State::kStarted, std::memory_order_acq_rel) ==
        fo_wait::State::kFreed) {
      wait->request.Detach();
    } else {
      static_cast<void>(wait.release());
    }
  } else {
    *out = nullptr;
  }
  if (!status.ok()) return status;
  return held;
}

namespace {

fo_result CheckWait(const fo_buffer* buffer, fo_shard shard, const fo_request* request,
                    fo_attempt last, const fo_retry* previous) {
  if (const fo_result result = Check(buffer, shard); result != FO_OK) return result;
  if (const fo_result result = CheckRequest(request); result != FO_OK) return result;
  if (const fo_result result = CheckAttempt(last); result != FO_OK) return result;
  return CheckToken(previous, "previous");
}

LastAttempt LastOf(fo_attempt attempt, fo_retry* previous) {
  LastAttempt last(static_cast<Attempt>(attempt));
  RetryDoneFunc token = TakeToken(previous);
  return std::move(last).After(std::move(token));
}

}  // namespace
}  // namespace failover::c

namespace c = failover::c;

fo_result fo_retry_done(fo_retry* retry, fo_attempt outcome) {
  if (retry == nullptr) return c::Invalid("retry", "is NULL");
  if (const fo_result result = c::CheckAttempt(outcome); result != FO_OK) return result;
  if (const fo_result result = c::CheckToken(retry, "retry"); result != FO_OK) return result;
  return c::Guarded([&] {
    c::TakeToken(retry)(static_cast<failover::Attempt>(outcome));
    return FO_OK;
  });
}

fo_result fo_retry_take_work(fo_retry* retry, fo_retry* work) {
  if (work != nullptr) *work = fo_retry{{0, 0}};
  if (retry == nullptr) return c::Invalid("retry", "is NULL");
  if (work == nullptr || work == retry) return c::Invalid("work", "is NULL, or is `retry`");
  if (const fo_result result = c::CheckToken(retry, "retry"); result != FO_OK) return result;
  failover::RetryDoneFunc token = c::TakeToken(retry);
  failover::WorkToken counted = token.TakeWork();
  if (counted) *work = c::ToC(failover::internal::BufferAccess::MakeToken(std::move(counted)));
  *retry = c::ToC(std::move(token));
  return FO_OK;
}

fo_result fo_wait_blocking(fo_buffer* buffer, fo_shard shard, const fo_request* request,
                           fo_attempt last, fo_retry* previous, fo_retry* retry) {
  if (retry == nullptr || retry == previous)
    return c::Invalid("retry", "is NULL, or is `previous`");
  *retry = fo_retry{{0, 0}};
  if (const fo_result result = c::CheckWait(buffer, shard, request, last, previous);
      result != FO_OK) {
    return result;
  }
  return c::Guarded([&]() -> fo_result {
    absl::StatusOr<failover::RetryDoneFunc> done = buffer->buffer->WaitForFailoverEnd(
        c::ContextOf(request), c::HandleOf(shard), c::LastOf(last, previous));
    if (!done.ok()) return c::Fail(done.status());
    *retry = c::ToC(*std::move(done));
    return FO_OK;
  });
}

fo_result fo_wait_start(fo_buffer* buffer, fo_shard shard, const fo_request* request,
                        fo_attempt last, fo_retry* previous, fo_inbox* inbox, fo_callback callback,
                        void* arg, fo_wait** out) {
  if (out != nullptr) *out = nullptr;
  if (const fo_result result = c::CheckWait(buffer, shard, request, last, previous);
      result != FO_OK) {
    return result;
  }
  if (callback == nullptr) return c::Invalid("callback", "is NULL");
  if (inbox != nullptr) {
    if (const fo_result result = c::Check(inbox, "inbox"); result != FO_OK) return result;
  }
  failover::RequestContext context = c::ContextOf(request);
  if (out == nullptr && context.work != failover::Work::kUncounted) {
    return c::Invalid("out", "is NULL, but the work of the request is counted");
  }
  if (inbox != nullptr) context.inbox = &inbox->inbox;
  const fo_result result = c::Guarded([&] {
    const absl::StatusOr<bool> held = c::StartWait(
        *buffer, shard, context, c::LastOf(last, previous),
        [callback, arg](absl::StatusOr<failover::RetryDoneFunc> done) {
          if (done.ok()) {
            callback(arg, FO_OK, c::ToC(*std::move(done)));
          } else {
            callback(arg, c::Fail(done.status()), fo_retry{{0, 0}});
          }
        },
        out);
    if (!held.ok()) return c::Fail(held.status());
    return static_cast<fo_result>(*held ? FO_HELD : FO_OK);
  });
  if (result < 0 && out != nullptr) *out = nullptr;
  return result;
}

int fo_wait_cancel(fo_wait* wait) {
  if (const fo_result result = c::Check(wait, "wait"); result != FO_OK) return result;
  // The acquire pairs with the release in StartWait.
  if (wait->state.load(std::memory_order_acquire) != fo_wait::State::kStarted) return 0;
  return wait->request.Cancel() ? 1 : 0;
}

fo_result fo_wait_take_token(fo_wait* wait, fo_retry* retry) {
  if (retry == nullptr) return c::Invalid("retry", "is NULL");
  *retry = fo_retry{{0, 0}};
  if (const fo_result result = c::Check(wait, "wait"); result != FO_OK) return result;
  const bool started = wait->state.load(std::memory_order_acquire) == fo_wait::State::kStarted;
  if (!started || wait->request) {
    return c::Fail(FO_WRONG_STATE, "the request was held, so its token goes to the callback");
  }
  *retry = c::ToC(wait->request.TakeToken());
  return FO_OK;
}

void fo_wait_free(fo_wait* wait) {
  if (!c::MayEnd(wait)) return;
  if (wait->state.exchange(fo_wait::State::kFreed, std::memory_order_acq_rel) ==
      fo_wait::State::kStarted) {
    delete wait;
  }
}
