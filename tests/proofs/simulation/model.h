// The Model says a second time what a Buffer has to do. It is slow and plain, and was written from
// the documentation alone.
//
// The Model knows no locks, lists or heaps. It remembers every request that was ever held, and
// looks through all of them whenever it is asked something. Most counters are simply counted.
//
// The calls mirror those of Buffer. Where the Buffer runs a callback, the Model only marks the
// request as released. The driver calls CallbackRan when the callback ran.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "failover/errors.h"
#include "failover/stats.h"
#include "model_shard.h"
#include "steps.h"

namespace failover::simulation {

// An Answer is what a waiting call answers at once.
enum class Verdict : std::uint8_t { kPasses, kHeld, kRefused, kBadName, kBlocksPoller };
struct Answer {
  Verdict verdict = Verdict::kPasses;
  std::optional<BufferErrorReason> refusal;

  friend bool operator==(const Answer& a, const Answer& b) {
    return a.verdict == b.verdict && a.refusal == b.refusal;
  }
};

class Model {
 public:
  explicit Model(const Config& config);

  absl::Time now() const { return now_; }
  void Advance(absl::Duration by) { now_ += by; }

  // Returns whether the handle is good.
  bool GetShard(std::size_t name);
  // `in_callback` says that the call is made inside a callback of the Buffer.
  Answer Request(const Step& step, bool in_callback);
  // Cancels a request by its context while it waits.
  void CancelByContext(std::uint32_t id);
  // Returns what BufferedRequest::Cancel answers for a handle that is not empty.
  bool Cancel(std::uint32_t id);
  void EndRetry(std::uint32_t id, Attempt outcome);
  void NoteRefused(std::size_t name);
  void Report(const Step& report);
  void HandleKeyspaceEvent(const Step& event);
  // These two take the shard by its handle.
  bool StartBuffering(std::size_t name);
  bool StopBuffering(std::size_t name);

  // Planned switchovers. The answers are those of the Buffer.
  bool BeginSwitchover(const Step& step);
  bool Commit(std::uint32_t id);
  bool Abort(std::uint32_t id);
  SwitchoverProgress ProgressOf(std::uint32_t id) const;
  std::vector<std::uint32_t> Switchovers() const;
  // The token of a request that passed has ended. Passed returns the requests whose tokens have
  // not.
  void EndWork(std::uint32_t id);
  std::vector<std::uint32_t> Passed() const;

  // The Buffer has other options. Only for a Buffer that is not shut down.
  void Reconfigure(const Config& next);

  // The other Buffers with the Budget have what the step says, as far as there is room. Returns
  // whether they gave turns back.
  bool Neighbour(const Step& step);
  bool AnyAsksForATurn() const;

  // Runs the timers that are due. Their callbacks come after this call.
  void RunTimers();
  // Returns how the request's wait ended, or nullopt if its callback must not run now. Callbacks of
  // released requests of a shard run in the order in which they were released.
  std::optional<Ending> CallbackRan(std::uint32_t id);
  // Buffer::BeginShutdown.
  void BeginSlowShutdown();
  // Poll has run its callbacks. Finishes such a shutdown if that is due; returns whether it was.
  bool GoOnWithShutdown();
  // Whether such a shutdown waits for nothing but a Poll.
  bool ShutdownIsReady() const { return grace_end_.has_value() && SlotsFree() == config_.size; }
  // How often a function that BeginShutdown was given must have run.
  std::uint64_t functions_run() const { return functions_run_; }
  // These are the two parts of Shutdown. The callbacks come in between.
  void BeginShutdown();
  void EndShutdown();

  // Returns when Poll has something to do next. nullopt means never.
  std::optional<absl::Time> NextDue() const;
  BufferStats Stats() const;
  // Returns the transitions of a shard so far, and how often the epoch grew.
  const std::vector<StateChange>& ChangesOf(std::size_t name) const;
  std::uint64_t EpochOf(std::size_t name) const { return shards_[name].epoch; }

  // Returns the window that a new request would have.
  absl::Duration WindowOf(std::size_t name) const;

  // The driver and the generator use the functions from here on.
  using Phase = simulation::Phase;
  std::optional<Phase> PhaseOf(std::uint32_t id) const;
  // Returns how the wait of the request ended. The request must not be held any more.
  Ending EndingOf(std::uint32_t id) const;
  // Returns the step that the request came with.
  const Step& StepOf(std::uint32_t id) const;
  bool HeldAgain(std::uint32_t id) const;
  bool HeldByOperator(std::size_t name) const { return shards_[name].by_operator; }
  std::optional<std::uint8_t> PrimaryOf(std::size_t name) const { return shards_[name].primary; }
  std::vector<std::uint32_t> In(Phase phase) const;
  bool shut_down() const { return shut_down_; }
  State StateOf(std::size_t name) const;
  bool AnyDrains() const;
  // Returns moments in the future at which something changes.
  std::vector<absl::Time> Moments() const;

 private:
  using Held = ModelRequest;
  using Shard = ModelShard;

  Mode ModeOf(std::size_t name) const;
  // Makes the shard known. Returns nullptr if that is not possible.
  Shard* Find(std::size_t name);
  // Returns the shard of a handle. Returns nullptr if the handle is inert.
  Shard* Known(std::size_t name);

  // Requests (model.cc).
  Answer Decide(const Step& step);
  bool OnlyCounted(Shard& shard);
  Answer NewRequest(Shard& shard, const Step& step);
  Answer FailedRequest(Shard& shard, const Step& step, Held* previous);
  Answer ComeBack(Shard& shard, const Step& step, Held& previous);
  Answer Pass(Held* previous);
  Answer Hold(Shard& shard, const Step& step, Held* previous);
  bool MakeRoom(std::size_t name, std::size_t bytes, bool needs_slot);
  void SlipsPast(Shard& shard, int code);

  // Switchovers (model_switchover.cc).
  WorkInFlight InFlight(std::size_t name) const;
  void CountPassed(const Step& step);
  ModelSwitchover* SwitchoverOf(std::size_t name);
  const ModelSwitchover* SwitchoverOf(std::size_t name) const;
  bool Stops(std::size_t name, Work work) const;
  void LookForQuiet();
  bool AnotherIsBelieved(const ModelSwitchover& switchover) const;
  bool NewsEnd(std::size_t name, StopReason reason) const;
  void CallOff(ModelSwitchover& switchover, SwitchoverEnd end, StopReason reason);
  void RunSwitchover(std::size_t name);
  void EndSwitchover(std::size_t name, StopReason reason);

  // The beginning and the end of holds (model_holds.cc).
  struct Beginning {
    bool by_operator = false;
    bool on_suspicion = false;
  };
  // Returns whether a guard lets the request pass, and counts that if the request really passes.
  std::optional<SkippedReason> Guard(const Shard& shard) const;
  bool ReportedDown(const Shard& shard) const;
  bool Missed(const Shard& shard) const;
  absl::Duration BudgetAt(const Shard& shard, absl::Time time) const;
  // Since `time`, so much is missing from the budget as then, and `more`.
  void SpendBudget(Shard& shard, absl::Time time, absl::Duration more) const;
  // A shard that does not buffer any more first lets go what it has held.
  bool MayBegin(std::size_t name);
  static constexpr absl::Duration kLeastBudget = absl::Seconds(1);
  // Counts the request that passes.
  bool BudgetIsUsedUp(Shard& shard);
  void Begin(std::size_t name, Beginning how);
  // A request failed because of a failover, and the shard is idle. Returns whether a hold began.
  bool BeginByError(std::size_t name, bool may_probe);
  bool BeginByMissedPrimary(std::size_t name);
  absl::Time EndOfHold(const Shard& shard) const;
  // The primary was reported to serve again while the hold was patient, and the patience is over.
  void EndHoldByEarlyReturn(std::size_t name);
  void EndHoldByTime(std::size_t name);
  void Stop(std::size_t name, StopReason reason);
  void SetState(Shard& shard, State to);
  // E8 and E7.
  // The refusal was told, or the request came back.
  void RetryRefused(std::size_t name, Held& request, bool came_back);
  void RetrySucceeded(std::size_t name, Held& request);
  static void TakesWrites(Shard& shard);
  // Retries of an earlier drain, and probes of an earlier hold, count no more.
  void ForgetRetries(std::size_t name);

  // The drain and the probes (model_drain.cc).
  void ContinueDrain(std::size_t name);
  void FinishDrain(std::size_t name);
  bool IsOver(std::size_t name) const;
  bool DrainWaits(const Shard& shard) const;
  void LookAtRetries(std::size_t name);
  void Release(Held& request, std::optional<StopReason> released_by);
  void Fail(Held& request, BufferErrorReason error);
  void GiveBackSlot(Held& request);
  static bool IsUnended(const Held& request);
  bool HasTurn(const Held& request) const;
  bool MayLetGo(std::size_t name) const;
  void Quicken(Shard& shard);
  static void Slow(Shard& shard);
  // Returns when the next retry of the drain is overdue, or gives up its turn.
  std::optional<absl::Time> DrainDue(std::size_t name) const;
  Held* ProbeOf(std::size_t name);
  absl::Duration ProbeDelay(const Shard& shard) const;
  void ProbeEnded(Held& request);
  Held* NextProbe(std::size_t name);
  std::optional<absl::Time> ProbeDue(std::size_t name) const;
  void RunProbe(std::size_t name);

  // Reports (model_reports.cc).
  void ServingReport(std::size_t name, const Step& report, absl::Time observed, bool stamped);
  void DownReport(std::size_t name, const Step& report, absl::Time observed);
  bool Replaces(const Shard& shard, std::uint8_t alias, std::int64_t term) const;
  void BelieveAnother(std::size_t name, std::uint8_t alias);

  Held* ById(std::uint32_t id);
  const Held* ById(std::uint32_t id) const;
  std::vector<Held*> HeldOf(std::size_t name);
  std::uint64_t SlotsOf(std::size_t name) const;
  // Negative if more are taken than a smaller size allows.
  std::int64_t SlotsFree() const;
  // The Budget (model_budget.cc). Without one, there is always room.
  bool HasBudget() const { return config_.budget_size != 0; }
  std::int64_t SharedSlotsFree() const;
  // Whether the bytes fit if so many of those that are held now are evicted.
  bool SharedBytesFit(std::size_t bytes, std::uint64_t evicted) const;
  bool TakesSharedTurn(const Held& request) const {
    return request.shared_turn && IsUnended(request);
  }
  std::int64_t SharedTurnsTaken() const;
  bool GetsSharedTurn(std::size_t name) const;
  BudgetStats SharedStats() const;
  std::uint64_t BytesHeld() const;
  static bool TakesSlot(const Held& request);

  Config config_;
  absl::Time now_;
  // Grows with everything that happens, so that things at one moment have an order.
  std::uint64_t tick_ = 1;
  std::array<Shard, kNames> shards_;
  std::vector<std::size_t> known_;  // The shards are in the order in which they became known.
  std::vector<Held> requests_;      // The requests are in the order in which they came.
  std::map<std::uint32_t, ModelSwitchover> switchovers_;
  std::map<std::uint32_t, ModelPassed> passed_;
  // What Stop leaves in ModelShard::drain_waits_until.
  std::optional<absl::Time> waits_after_stop_;
  std::uint64_t too_many_shards_ = 0;
  bool in_callback_ = false;  // of the latest request
  std::int64_t neighbour_slots_ = 0;
  std::uint64_t neighbour_bytes_ = 0;
  std::int64_t neighbour_turns_ = 0;
  bool shut_down_ = false;
  // The end of the grace of a shutdown that BeginSlowShutdown began.
  std::optional<absl::Time> grace_end_;
  bool shutdown_over_ = false;
  std::uint64_t functions_waiting_ = 0;
  std::uint64_t functions_run_ = 0;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_H_
