// One asynchronous request of a test, and all that happened to it.
//
// Not thread-safe: for tests whose callbacks run on the thread that polls.
#ifndef FAILOVER_TESTS_SUPPORT_ASYNC_REQUEST_H_
#define FAILOVER_TESTS_SUPPORT_ASYNC_REQUEST_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"

namespace failover::test {

class AsyncRequest {
 public:
  AsyncRequest(Buffer& buffer, ShardHandle shard, const absl::Status& error,
               const RequestContext& context);

  // What the call answered. Exactly one of the three is true, for good.
  bool passed() const { return call_.ok() && !held_; }
  bool held() const { return held_; }
  bool refused() const { return !call_.ok(); }
  const absl::Status& refusal() const { return call_; }

  // How often the callback ran, and whether it was destroyed.
  int runs() const { return what_happened_->runs; }
  bool callback_destroyed() const { return what_happened_->destroyed; }

  // What the callback was given. `released`: the right to retry.
  bool done() const { return runs() > 0; }
  bool released() const { return done() && what_happened_->result->ok(); }
  absl::Status error() const;
  std::optional<BufferErrorReason> reason() const { return ReasonOf(error()); }
  // Of a released request.
  RetryDoneFunc& token();
  std::optional<StopReason> released_by() { return token().released_by(); }
  void EndRetry() { token()(); }

  BufferedRequest& handle() { return handle_; }

 private:
  struct WhatHappened {
    int runs = 0;
    bool destroyed = false;
    std::optional<absl::StatusOr<RetryDoneFunc>> result;
  };
  // Part of the callback: tells when that is destroyed.
  class Witness;

  // Declared before the handle, which cancels when it goes.
  std::shared_ptr<WhatHappened> what_happened_ = std::make_shared<WhatHappened>();
  absl::Status call_;
  bool held_ = false;
  BufferedRequest handle_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_ASYNC_REQUEST_H_
