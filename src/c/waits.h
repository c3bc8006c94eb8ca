// Requests and retry tokens of the C interface.
#ifndef FAILOVER_SRC_C_WAITS_H_
#define FAILOVER_SRC_C_WAITS_H_

#include <atomic>
#include <cstdint>

#include "c/buffer.h"
#include "c/process.h"
#include "failover/buffer.h"
#include "failover/c/failover.h"

struct fo_wait : failover::c::OfOneProcess {
  // The callback may free the wait on another thread before the call that starts the wait has
  // returned. So whoever comes second of the two frees the memory.
  enum class State : std::uint8_t { kStarting, kStarted, kFreed };

  std::atomic<State> state{State::kStarting};
  // Used by the thread that starts the wait, and after kStarted by the owner of the handle.
  failover::BufferedRequest request;
};

namespace failover::c {

// A token as plain data that knows its process. The token is empty afterwards. May throw
// std::bad_alloc, and has then changed nothing.
fo_retry Release(RetryDoneFunc& token);
// The same for a token that nobody could keep if there is no memory for its data. If memory has run
// out, the token ends untold, and the data are an inert token: the request may be retried all the
// same.
fo_retry ToC(RetryDoneFunc token) noexcept;
// The token again. Zeroes `retry`, which may be NULL.
RetryDoneFunc TakeToken(fo_retry* retry) noexcept;
// FO_OK if the token may be taken in this process. NULL is FO_OK, too.
fo_result CheckToken(const fo_retry* retry, std::string_view name) noexcept;

fo_result CheckAttempt(fo_attempt attempt) noexcept;
// `request` may be NULL.
fo_result CheckRequest(const fo_request* request) noexcept;
// The request must have been checked.
RequestContext ContextOf(const fo_request* request);

// Returns whether the request is held, or why it could not be held. `*out` is as fo_wait_start
// says, also after an error; `out` may be NULL. If the request is held, whatever the callback frees
// may be gone.
absl::StatusOr<bool> StartWait(fo_buffer& buffer, fo_shard shard, const RequestContext& context,
                               LastAttempt last, WaitCallback callback, fo_wait** out);

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_WAITS_H_
