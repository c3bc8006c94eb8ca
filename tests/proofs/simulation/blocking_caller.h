// A BlockingCaller is a thread that makes one blocking call at a time, in strict turn with the
// thread that starts the call. The starting thread waits until the call has returned or is known to
// be held.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_BLOCKING_CALLER_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_BLOCKING_CALLER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "failover/buffer.h"

namespace failover::simulation {

class BlockingCaller {
 public:
  using Result = absl::StatusOr<RetryDoneFunc>;

  BlockingCaller();
  // The last call must have returned before the destructor runs.
  ~BlockingCaller();

  BlockingCaller(const BlockingCaller&) = delete;
  BlockingCaller& operator=(const BlockingCaller&) = delete;

  void Start(std::function<Result()> call);
  // Returns whether the call has returned, so that Take has a result.
  bool Returned();
  // Waits for the result of the call. Returns nullopt if the call does not return within
  // `patience`.
  std::optional<Result> Take(std::chrono::seconds patience);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<Result()> call_;
  std::optional<Result> result_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_BLOCKING_CALLER_H_
