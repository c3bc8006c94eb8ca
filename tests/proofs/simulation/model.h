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
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "failover/errors.h"
#include "failover/stats.h"
#include "steps.h"

namespace failover::simulation {

// An Ending says how a wait ended: with an error, or else with the right to retry.
struct Ending {
  std::optional<BufferErrorReason> error;
  std::optional<StopReason> released_by;

  friend bool operator==(const Ending& a, const Ending& b) {
    return a.error == b.error && a.released_by == b.released_by;
  }
};

// An Answer is what a waiting call answers at once.
enum class Verdict : std::uint8_t { kPasses, kHeld, kRefused, kBadName };
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
  Answer Request(const Step& step);
  // Cancels a blocking call while it waits.
  void CancelBlocking(std::uint32_t id);
  // Returns what BufferedRequest::Cancel answers for a handle that is not empty.
  bool Cancel(std::uint32_t id);
  void EndRetry(std::uint32_t id, RetryEnd how);
  void Report(const Step& report);
  void HandleKeyspaceEvent(const Step& event);
  // These two take the shard by its handle.
  bool StartBuffering(std::size_t name);
  bool StopBuffering(std::size_t name);

  // Runs the timers that are due. Their callbacks come after this call.
  void RunTimers();
  // Returns how the request's wait ended, or nullopt if its callback must not run now. Callbacks of
  // released requests of a shard run in the order of arrival, and so do callbacks of evicted
  // requests.
  std::optional<Ending> CallbackRan(std::uint32_t id);
  // These are the two parts of Shutdown. The callbacks come in between.
  void BeginShutdown();
  void EndShutdown();

  // Returns when Poll has something to do next. nullopt means never.
  std::optional<absl::Time> NextDue() const;
  BufferStats Stats() const;

  // The driver and the generator use the functions from here on.
  enum class Phase : std::uint8_t { kHeld, kReleased, kRetrying, kOver };
  std::optional<Phase> PhaseOf(std::uint32_t id) const;
  // Returns how the wait of the request ended. The request must not be held any more.
  Ending EndingOf(std::uint32_t id) const;
  std::vector<std::uint32_t> In(Phase phase) const;
  bool shut_down() const { return shut_down_; }
  State StateOf(std::size_t name) const;
  // Returns moments in the future at which something changes.
  std::vector<absl::Time> Moments() const;

 private:
  enum class Mode : std::uint8_t { kEnabled, kDryRun, kDisabled };

  // A Held is a request that the Buffer holds or has held.
  struct Held {
    std::uint32_t id = 0;
    std::size_t name = 0;
    bool blocking = false;
    std::size_t bytes = 0;
    absl::Time window_end;
    absl::Time deadline;  // InfiniteFuture means that the window ends first.
    Phase phase = Phase::kHeld;
    Ending ending;
    bool cancelled = false;
    bool in_drain = false;  // The retry of this request counts against drain_concurrency.
    // These say in which counter the request was counted.
    bool drained = false;
    std::optional<EvictedReason> evicted;
  };

  struct Shard {
    bool known = false;
    Mode mode = Mode::kEnabled;
    State state = State::kIdle;
    absl::Time started;
    StopReason stopped_by = StopReason::kShutdown;
    std::optional<absl::Time> last_end;
    std::optional<absl::Time> last_reparent;

    std::optional<std::uint8_t> primary;
    bool primary_seen_serving = false;
    bool primary_down = false;
    std::int64_t newest_timestamp = 0;

    // These are the counters that cannot be counted from the requests.
    ShardStats counters;
  };

  Mode ModeOf(std::size_t name) const;
  // Makes the shard known. Returns nullptr if that is not possible.
  Shard* Find(std::size_t name);
  // Returns the shard of a handle. Returns nullptr if the handle is inert.
  Shard* Known(std::size_t name);
  bool OnlyCounted(Shard& shard);
  bool TooRecent(Shard& shard) const;
  void Start(Shard& shard);
  Answer Hold(Shard& shard, const Step& step);
  bool MakeRoom(std::size_t name, std::size_t bytes);

  void Stop(std::size_t name, StopReason reason);
  void ContinueDrain(std::size_t name);
  void Release(Held& request, std::optional<StopReason> released_by);
  void Fail(Held& request, BufferErrorReason error);
  void GiveBackSlot(Held& request);

  void ServingReport(std::size_t name, std::uint8_t alias, std::int64_t timestamp);

  Held* ById(std::uint32_t id);
  const Held* ById(std::uint32_t id) const;
  std::vector<Held*> HeldOf(std::size_t name);
  std::size_t DrainRetriesOf(std::size_t name) const;
  std::uint64_t SlotsFree() const;
  std::uint64_t BytesHeld() const;
  static bool TakesSlot(const Held& request);

  const Config config_;
  absl::Time now_;
  std::array<Shard, kNames> shards_;
  std::vector<std::size_t> known_;  // The shards are in the order in which they became known.
  std::vector<Held> requests_;      // The requests are in the order in which they came.
  std::uint64_t too_many_shards_ = 0;
  bool shut_down_ = false;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_H_
