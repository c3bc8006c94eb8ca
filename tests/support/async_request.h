// An AsyncRequest is one asynchronous request of a test, and remembers all that happens to it.
//
// It is not thread-safe: the callbacks of such a test must run on the thread that polls.
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
  AsyncRequest(Buffer& buffer, ShardHandle shard, LastAttempt last, const RequestContext& context);

  // These tell what the call answered. Exactly one of passed, held and refused is true, and stays
  // true.
  bool passed() const { return call_.ok() && !held_; }
  bool held() const { return held_; }
  bool refused() const { return !call_.ok(); }
  const absl::Status& refusal() const { return call_; }

  // These tell how often the callback ran, and whether the callback was destroyed.
  int runs() const { return what_happened_->runs; }
  bool callback_destroyed() const { return what_happened_->destroyed; }

  // These tell what the callback was given. `released` is true if it was given the right to retry.
  bool done() const { return runs() > 0; }
  bool released() const { return done() && what_happened_->result->ok(); }
  absl::Status error() const;
  std::optional<BufferErrorReason> reason() const { return ReasonOf(error()); }
  // These three need a request that was released.
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
  // The Witness is a part of the callback. It notes when the callback is destroyed.
  class Witness;

  // This member is destroyed after the handle, because the destructor of the handle cancels the
  // request.
  std::shared_ptr<WhatHappened> what_happened_ = std::make_shared<WhatHappened>();
  absl::Status call_;
  bool held_ = false;
  BufferedRequest handle_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_ASYNC_REQUEST_H_
