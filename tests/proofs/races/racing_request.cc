#include "racing_request.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/status/statusor.h"

namespace failover::test {

// A part of the callback, which tells when the callback is destroyed.
class RacingRequest::Witness {
 public:
  explicit Witness(std::atomic<bool>* destroyed) : destroyed_(destroyed) {}
  Witness(Witness&& other) noexcept : destroyed_(std::exchange(other.destroyed_, nullptr)) {}
  ~Witness() {
    if (destroyed_ != nullptr) *destroyed_ = true;
  }

 private:
  std::atomic<bool>* destroyed_;
};

WaitCallback RacingRequest::Callback() {
  return [this, witness = Witness(&callback_destroyed_)](absl::StatusOr<RetryDoneFunc> result) {
    ++runs_;
    if (result.ok()) token_ = *std::move(result);
  };
}

void RacingRequest::Keep(absl::StatusOr<BufferedRequest> answer) {
  if (!answer.ok()) return;
  held_ = static_cast<bool>(*answer);
  handle_ = *std::move(answer);
}

void RacingRequest::Submit(Buffer& buffer, ShardHandle shard, const absl::Status& error) {
  submitted_ = true;
  Keep(buffer.WaitForFailoverEndAsync({}, shard, error, Callback()));
}

void RacingRequest::SubmitByName(Buffer& buffer, std::string_view shard,
                                 const absl::Status& error) {
  submitted_ = true;
  Keep(buffer.WaitForFailoverEndAsync({}, "ks", shard, error, Callback()));
}

void RacingRequest::Cancel() {
  const bool won = handle_.Cancel();
  (won ? won_cancel_ : lost_cancel_) = true;
}

void RacingRequest::DestroyHandle() {
  if (handle_ended_.exchange(true)) return;
  { const BufferedRequest last = std::move(handle_); }
  runs_when_handle_went_ = runs_;
  destroyed_ = true;
}

void RacingRequest::CancelAndDestroyHandle() {
  if (handle_ended_.exchange(true)) return;
  Cancel();
  { const BufferedRequest last = std::move(handle_); }
  runs_when_handle_went_ = runs_;
  destroyed_ = true;
}

void RacingRequest::Detach() {
  if (!handle_ended_.exchange(true)) handle_.Detach();
}

void RacingRequest::CancelAndComplete() {
  if (!handle_ended_.exchange(true)) handle_.CancelAndComplete();
}

void RacingRequest::ExpectOneOutcome(std::string_view who) const {
  if (!submitted_) return;
  EXPECT_TRUE(callback_destroyed_) << who;
  EXPECT_FALSE(won_cancel_ && lost_cancel_) << who << ": two answers of Cancel";
  if (destroyed_) {
    EXPECT_EQ(runs_, runs_when_handle_went_) << who << ": it ran after its handle went";
    EXPECT_LE(runs_, won_cancel_ ? 0 : 1) << who;
  } else {
    EXPECT_EQ(runs_, held_ && !won_cancel_ ? 1 : 0) << who;
  }
}

}  // namespace failover::test
