// A Client holds what one client of the Buffer sees of its request.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_CLIENT_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_CLIENT_H_

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/coroutine.h"
#include "failover/request_context.h"
#include "steps.h"

namespace failover::simulation {

// A Witness is a part of a callback. It notes whether the callback still exists.
class Witness {
 public:
  explicit Witness(bool* alive) : alive_(alive) { *alive_ = true; }
  Witness(Witness&& other) noexcept : alive_(std::exchange(other.alive_, nullptr)) {}
  Witness& operator=(Witness&&) = delete;
  ~Witness() {
    if (alive_ != nullptr) *alive_ = false;
  }

 private:
  bool* alive_;
};

// A Coroutine starts at once. Its destructor destroys the coroutine, whether it is suspended or at
// its end.
class Coroutine {
 public:
  struct promise_type {
    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  Coroutine() = default;
  Coroutine(Coroutine&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Coroutine& operator=(Coroutine&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Coroutine() {
    if (handle_) handle_.destroy();
  }

  bool waits() const { return handle_ && !handle_.done(); }

 private:
  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

// Returns what the client tells of its last attempt. `error` must outlive the answer.
inline LastAttempt MakeLastAttempt(const Step& step, const absl::Status& error,
                                   std::optional<RetryDoneFunc> previous) {
  const bool is_status = step.cause <= Cause::kOther;
  LastAttempt last = is_status ? LastAttempt(error) : LastAttempt(AttemptOf(step.cause), "a test");
  if (!previous.has_value()) return last;
  return std::move(last).After(*std::move(previous));
}

using OnResult = std::function<void(absl::StatusOr<RetryDoneFunc>)>;

// The error lives in the frame of the coroutine, because a LastAttempt refers to it.
inline Coroutine AwaitAndTell(Buffer& buffer, RequestContext context, ShardHandle shard,
                              const Step& step, absl::Status error,
                              std::optional<RetryDoneFunc> previous, OnResult on_result) {
  LastAttempt last = MakeLastAttempt(step, error, std::move(previous));
  absl::StatusOr<RetryDoneFunc> result =
      co_await AwaitFailoverEnd(buffer, context, shard, std::move(last));
  on_result(std::move(result));
}

struct Client {
  Step request;
  BufferedRequest handle;
  Coroutine coroutine;
  RetryDoneFunc token;
  bool callback_alive = false;
  // A coroutine that is not held goes on before the call returns. It leaves its answer in `answer`.
  bool starts = false;
  absl::Status answer;
  // This is true once the callback has run or the held coroutine has gone on.
  bool resumed = false;
  // Only blocking calls use these members.
  std::optional<RetryDoneFunc> handed_back;
  Cancellation cancellation;
  std::stop_source stop;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_CLIENT_H_
