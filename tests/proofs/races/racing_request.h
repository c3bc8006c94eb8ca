// One asynchronous request, from whatever threads its ends come, and the check that it had one end.
#ifndef FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_
#define FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_

#include <atomic>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"

namespace failover::test {

// Submit is called once; the others may be called by any thread afterwards.
class RacingRequest {
 public:
  // One of the two, once at the most.
  void Submit(Buffer& buffer, ShardHandle shard, const absl::Status& error);
  void SubmitByName(Buffer& buffer, std::string_view shard, const absl::Status& error);
  void Cancel();
  // These end the handle. Only the first call does anything: a handle is not destroyed while
  // another thread uses it.
  void DestroyHandle();
  void CancelAndDestroyHandle();
  void Detach();
  void EndRetry() { token_(); }

  int runs() const { return runs_; }
  // Every request that was submitted has exactly one outcome; to be called when all is over.
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
  // By the callback.
  std::atomic<int> runs_{0};
  std::atomic<bool> callback_destroyed_{false};
  RetryDoneFunc token_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_RACING_REQUEST_H_
