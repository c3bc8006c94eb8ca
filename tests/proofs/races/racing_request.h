// One asynchronous request that several threads try to end, and the check that it had one outcome.
#ifndef FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_
#define FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_

#include <atomic>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"

namespace failover::test {

// Submit is called once. Afterwards any thread may call the others.
class RacingRequest {
 public:
  // A test calls one of these two, and at most once.
  void Submit(Buffer& buffer, ShardHandle shard, const absl::Status& error);
  void SubmitByName(Buffer& buffer, std::string_view shard, const absl::Status& error);
  void Cancel();
  // These end the handle. Only the first call does anything, because a handle must not be destroyed
  // while another thread uses it.
  void DestroyHandle();
  void CancelAndDestroyHandle();
  void Detach();
  void CancelAndComplete();
  void EndRetry() { token_(); }

  int runs() const { return runs_; }
  // Checks that a request that was submitted had exactly one outcome. Must be called when all
  // threads are done with it.
  void ExpectOneOutcome(std::string_view who) const;

 private:
  class Witness;

  WaitCallback Callback();
  void Keep(absl::StatusOr<BufferedRequest> answer);

  bool submitted_ = false;
  bool held_ = false;
  BufferedRequest handle_;
  std::atomic<bool> handle_ended_{false};
  bool destroyed_ = false;
  int runs_when_handle_went_ = 0;
  std::atomic<bool> won_cancel_{false};
  std::atomic<bool> lost_cancel_{false};
  // Written by the callback.
  std::atomic<int> runs_{0};
  std::atomic<bool> callback_destroyed_{false};
  RetryDoneFunc token_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_
