// Does each step on a real Buffer and on the model, and compares them.
//
// One thread does everything but the blocking calls that are held; those wait on threads of their
// own, in strict turn, so a list of steps does the same each time.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "blocking_caller.h"
#include "client.h"
#include "coverage.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "invariants.h"
#include "model.h"
#include "steps.h"

namespace failover::simulation {

// The simulated clock; looks at the Buffer whenever it is asked, which would never end if it were
// asked under a lock.
class LookingClock final : public Clock {
 public:
  explicit LookingClock(absl::Time start) : clock_(start) {}

  absl::Time Now() override {
    if (buffer != nullptr) buffer->Stats();
    return clock_.Now();
  }
  void Advance(absl::Duration by) { clock_.Advance(by); }

  const Buffer* buffer = nullptr;

 private:
  SimulatedClock clock_;
};

// For the tests of the simulation itself: does something to the Buffer before each step is done, of
// which the model does not know. Children of this process inherit it.
using PlantedBug = void (*)(Buffer& buffer, const Step& step);
inline PlantedBug planted_bug = nullptr;

class Driver {
 public:
  // `patience`: a blocking call that takes longer is stuck. Nothing else depends on real time.
  Driver(const Config& config, std::chrono::seconds patience);
  // If there was a failure, calls that are stuck may keep it from returning.
  ~Driver();

  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  void Do(const Step& step);
  // Shuts down if no step did, and destroys the Buffer before the tokens and handles.
  void Finish();

  // What went wrong first; empty: nothing.
  const std::string& failure() const { return failure_; }
  const Model& model() const { return model_; }
  Coverage coverage() const;
  // Of the steps that it was given those that were done: not what waits for a callback that did not
  // run, nor what is about a request that does not exist.
  std::uint64_t steps_done() const { return steps_done_; }

 private:
  void Fail(const std::string& what);
  bool failed() const { return !failure_.empty(); }

  // One kind of step each.
  void Perform(const Step& step);
  bool IsAboutNobody(const Step& step) const;
  void Request(const Step& step);
  void RequestByCallback(const Step& step, ShardHandle shard, const Answer& expected);
  void RequestByCoroutine(const Step& step, ShardHandle shard, const Answer& expected);
  void RequestBlocking(const Step& step, ShardHandle shard, const Answer& expected);
  absl::StatusOr<RetryDoneFunc> BlockingCall(const Step& step, ShardHandle shard, Client& client);
  void WaitUntilHeld(const Step& step, BlockingCaller& caller);
  void Cancel(const Step& step);
  void Detach(const Step& step);
  void DropHandle(const Step& step);
  void DestroyCoroutine(Client& client);
  bool CancelInModel(std::uint32_t id);
  void EndRetry(const Step& step);
  void Report(const Step& step);
  void KeyspaceEvent(const Step& step);
  void Poll();
  void Shutdown();

  // The end of a wait, in a callback, in a coroutine, or of a blocking call.
  void CallbackRan(std::uint32_t id, absl::StatusOr<RetryDoneFunc> result);
  void WaitEnded(std::uint32_t id, absl::StatusOr<RetryDoneFunc> result, const Ending& expected);
  void TakeReturnedCalls();
  BlockingCaller& IdleCaller();

  ShardHandle Handle(std::size_t name);
  absl::Status ErrorOf(const Step& step) const;
  void CheckAnswer(const Step& step, const absl::Status& status, bool held, const Answer& expected);
  void CheckError(const Step& request, const absl::Status& status, BufferErrorReason expected);
  void CheckDue(absl::Duration until_due);
  void CheckWakeup(const Step& step);
  bool Classify(const absl::Status& error);
  void CheckStats(const Step& step);
  std::set<std::size_t> NamesOf(const Step& step);
  void Wakeup();

  const Config config_;
  const std::chrono::seconds patience_;
  const std::thread::id thread_ = std::this_thread::get_id();
  LookingClock clock_;
  Model model_;
  Invariants invariants_;
  std::string failure_;
  Coverage coverage_;  // but for the statistics
  std::uint64_t steps_done_ = 0;

  std::map<std::uint32_t, Client> clients_;
  std::map<std::uint32_t, std::vector<Step>> reactions_;  // by the request that they wait for
  std::vector<std::unique_ptr<BlockingCaller>> callers_;
  std::map<std::uint32_t, BlockingCaller*> blocked_;  // by the request that it makes
  std::map<std::size_t, ShardHandle> handles_;

  // What Poll said last, as a moment; and how often wakeup was called since, in any thread.
  absl::Time said_ = absl::InfiniteFuture();
  std::atomic<int> wakeups_{0};
  int own_wakeups_ = 0;

  bool in_buffer_ = false;  // inside Poll or Shutdown: callbacks may run
  bool clock_moved_ = false;
  std::atomic<bool> shutdown_returned_{false};

  std::unique_ptr<Buffer> buffer_;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_
