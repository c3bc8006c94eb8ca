#include "async_request.h"

#include <gtest/gtest.h>

#include <utility>

namespace failover::test {

class AsyncRequest::Witness {
 public:
  explicit Witness(std::shared_ptr<WhatHappened> what_happened)
      : what_happened_(std::move(what_happened)) {}
  Witness(Witness&&) = default;
  ~Witness() {
    if (what_happened_ != nullptr) what_happened_->destroyed = true;
  }

  void Ran(absl::StatusOr<RetryDoneFunc> result) const {
    ++what_happened_->runs;
    what_happened_->result.emplace(std::move(result));
  }

 private:
  std::shared_ptr<WhatHappened> what_happened_;
};

AsyncRequest::AsyncRequest(Buffer& buffer, ShardHandle shard, LastAttempt last,
                           const RequestContext& context) {
  absl::StatusOr<BufferedRequest> answer = buffer.WaitForFailoverEndAsync(
      context, shard, std::move(last),
      [witness = Witness(what_happened_)](absl::StatusOr<RetryDoneFunc> result) {
        witness.Ran(std::move(result));
      });
  EXPECT_EQ(what_happened_->runs, 0) << "the callback ran inside the call";
  call_ = answer.status();
  if (!answer.ok()) return;
  held_ = static_cast<bool>(*answer);
  handle_ = *std::move(answer);
}

absl::Status AsyncRequest::error() const {
  return done() ? what_happened_->result->status() : absl::OkStatus();
}

RetryDoneFunc& AsyncRequest::token() {
  static RetryDoneFunc none;
  EXPECT_TRUE(released()) << "the request has no right to retry";
  return released() ? **what_happened_->result : none;
}

}  // namespace failover::test
