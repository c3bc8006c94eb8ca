// The Driver does each step on a real Buffer and on the model, and compares the two.
//
// One thread does everything except for the blocking calls that are held. Those wait on threads of
// their own, in strict turn, so a list of steps does the same each time.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "blocking_caller.h"
#include "client.h"
#include "coverage.h"
#include "failover/buffer.h"
#include "failover/switchover.h"
#include "failover/testing/simulated_clock.h"
#include "failover/transition.h"
#include "invariants.h"
#include "model.h"
#include "neighbour.h"
#include "steps.h"

namespace failover::simulation {

// This is a simulated clock that calls the Buffer whenever it is asked for the time. If the Buffer
// asked it under a lock, that call would never return.
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

// The tests of the simulation use a PlantedBug. It is called before each step and does something to
// the Buffer that the model does not know of. Child processes inherit it.
using PlantedBug = void (*)(Buffer& buffer, const Step& step);
inline PlantedBug planted_bug = nullptr;

class Driver {
 public:
  // A blocking call that takes longer than `patience` counts as stuck. Nothing else depends on real
  // time.
  Driver(const Config& config, std::chrono::seconds patience);
  // The destructor may never return after a failure, because calls may be stuck.
  ~Driver();

  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  void Do(const Step& step);
  // Shuts the Buffer down if no step did, and destroys the Buffer before the tokens and handles.
  void Finish();

  // Returns the first thing that went wrong. An empty string means that nothing did.
  const std::string& failure() const { return failure_; }
  const Model& model() const { return model_; }
  Coverage coverage() const;
  // Counts the steps that were really done. A step does not count if it waits for a callback that
  // did not run, or if it is about a request that does not exist.
  std::uint64_t steps_done() const { return steps_done_; }

 private:
  void Fail(const std::string& what);
  bool failed() const { return !failure_.empty(); }

  // Perform does one step. Each of the other functions does one kind of step.
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
  // Takes the token that the request hands back. nullopt means that the request hands none back.
  std::optional<RetryDoneFunc> TakePrevious(const Step& step);
  static RequestContext ContextOf(const Step& step);
  // From here on nothing goes wrong any more, and whatever is held must end.
  void FaultsStop(const Step& step);
  void HealFor(const Step& step, absl::Duration time);
  void Report(const Step& step);
  void KeyspaceEvent(const Step& step);
  void BeginSwitchover(const Step& step);
  void EndSwitchover(const Step& step);
  void CheckSwitchovers();
  void Reconfigure(const Step& step);
  void Neighbours(const Step& step);
  void Poll();
  void BeginShutdown();
  void Shutdown();
  void ShutdownIsOver();

  // These functions handle the end of a wait: in a callback, in a coroutine, or at the return of a
  // blocking call.
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
  void CheckBudgetAtEnd();
  void Changed(const Transition& transition);
  void CheckChanges(const Step& step);
  void CheckEpochs();
  std::set<std::size_t> NamesOf(const Step& step);
  void Wakeup();

  Config config_;
  // The longest max_failover_duration so far. A hold keeps that of its begin.
  std::int64_t longest_ns_ = 0;
  const std::chrono::seconds patience_;
  const std::thread::id thread_ = std::this_thread::get_id();
  LookingClock clock_;
  Neighbour neighbour_;
  Model model_;
  Invariants invariants_;
  std::string failure_;
  Coverage coverage_;  // The counts that the statistics already contain are missing here.
  std::uint64_t steps_done_ = 0;

  std::map<std::uint32_t, Client> clients_;
  // A step in this map waits for the callback of the request that is its key.
  std::map<std::uint32_t, std::vector<Step>> reactions_;
  std::vector<std::unique_ptr<BlockingCaller>> callers_;
  // The key is the request that the caller makes.
  std::map<std::uint32_t, BlockingCaller*> blocked_;
  std::map<std::size_t, ShardHandle> handles_;
  std::map<std::uint32_t, Switchover> switchovers_;

  // What on_transition was told, by the name of the shard, and how much of that was compared.
  struct Told {
    std::vector<StateChange> changes;
    std::uint64_t epoch = 0;
    std::size_t compared = 0;
  };
  std::mutex told_mutex_;
  std::map<std::pair<std::string, std::string>, Told> told_;
  // The epochs of the Buffer and of the model, by the name of the shard.
  std::map<std::size_t, std::pair<std::uint64_t, std::uint64_t>> epochs_;

  // said_ is the moment that the last Poll named. wakeups_ counts the calls of wakeup since then,
  // in any thread.
  absl::Time said_ = absl::InfiniteFuture();
  std::atomic<int> wakeups_{0};
  int own_wakeups_ = 0;

  bool in_buffer_ = false;  // Poll or Shutdown is running, so callbacks may run.
  bool clock_moved_ = false;
  std::atomic<bool> shutdown_returned_{false};
  // How often a function that BeginShutdown was given has run.
  std::uint64_t functions_run_ = 0;

  std::unique_ptr<Buffer> buffer_;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_DRIVER_H_
