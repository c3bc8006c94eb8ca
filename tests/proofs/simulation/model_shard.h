// What the Model remembers of each request and of each shard.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_SHARD_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_SHARD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "failover/errors.h"
#include "failover/stats.h"
#include "failover/switchover_options.h"
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

enum class Mode : std::uint8_t { kEnabled, kDryRun, kDisabled };
enum class Phase : std::uint8_t { kHeld, kReleased, kRetrying, kOver };

// One change of the state of a shard, as BufferOptions::on_transition is told.
struct StateChange {
  State from = State::kIdle;
  State to = State::kIdle;
  std::uint64_t held = 0;
  absl::Time when;
};

// A request that the Buffer holds or has held. A request that is held again is a new one, which
// has the place of the old one.
struct ModelRequest {
  Step step;
  std::uint32_t id = 0;
  std::size_t name = 0;
  bool blocking = false;
  std::size_t bytes = 0;
  std::uint64_t place = 0;  // The tick of the first arrival.
  absl::Time window_end;
  absl::Time deadline;  // The caller's own.
  bool refused = false;
  bool refused_as_statement = false;
  bool writes = false;
  Phase phase = Phase::kHeld;
  Ending ending;
  bool cancelled = false;

  // The retry. `let_go` is a tick; 0 means that the request was never let go.
  std::uint64_t let_go = 0;
  absl::Time let_go_at;
  bool in_drain = false;     // The retry counts for the drain that is, not for an earlier one.
  bool shared_turn = false;  // The retry counts for the Budget, as long as it does for the drain.
  absl::Time overdue_at;
  bool probe = false;  // The request is the probe that is under way.

  // These say in which counter the request was counted.
  bool held_again = false;
  bool drained = false;
  std::optional<EvictedReason> evicted;
};

// What a shard remembers of one server.
struct ModelServer {
  std::optional<absl::Time> newest;  // the latest time at which a report observed it
  std::optional<std::int64_t> highest;
  std::optional<std::int64_t> highest_as_primary;
};

// One planned switchover.
struct ModelSwitchover {
  std::size_t name = 0;
  bool proceeds = false;
  bool commit_only = false;
  absl::Time grace_end;
  absl::Time hold_end;
  absl::Duration window;  // of who joins it
  std::optional<std::uint8_t> old_primary;
  bool all_held = false;
  bool quiet = false;
  std::optional<SwitchoverEnd> end;
};

// A request that passed, and whose token counts its work.
struct ModelPassed {
  std::size_t name = 0;
  Work work = Work::kUncounted;
};

struct ModelShard {
  bool known = false;
  Mode mode = Mode::kEnabled;
  State state = State::kIdle;
  StopReason stopped_by = StopReason::kShutdown;

  // The hold that is, or else the last one.
  absl::Time began;
  std::uint64_t began_tick = 0;
  std::uint64_t ended_tick = 0;  // 0 means that no hold has ended.
  bool by_operator = false;
  bool on_suspicion = false;
  bool down_since_begin = false;
  bool refused_since_begin = false;
  bool returned_early = false;  // The primary came back (E5) while the hold was patient.
  // When the hold ends if nothing else ends it: by the longest duration that was allowed when it
  // began, and by the suspicion.
  absl::Time hold_end;
  absl::Time suspicion_end;
  std::int64_t drain_limit = 0;
  // The Budget gave the drain no further turn, and the drain asks again at this time.
  std::optional<absl::Time> asks_again;
  // The option that drain_limit began with.
  std::int64_t told_concurrency = 0;
  // The primary went down in the drain, which goes on with a primary, or ends at this time.
  std::optional<absl::Time> drain_waits_until;
  absl::Time probe_from;
  absl::Time evidence_from;
  absl::Time patience_until = absl::InfinitePast();
  std::uint64_t refused_tick = 0;  // the latest E8

  // What keeps holds from beginning.
  std::optional<absl::Time> last_end;
  std::optional<absl::Time> last_reparent;
  absl::Duration spent;  // what was missing from the budget at spent_at
  absl::Duration owed;   // what could not be missing from a smaller budget
  absl::Time spent_at;
  absl::Duration held_in_vain;  // since the shard was last seen to take writes
  bool latched = false;
  bool refused_in_vain = false;  // A retry was refused, and no hold could begin.
  absl::Time latched_or_reported;
  absl::Duration next_patience = absl::Milliseconds(50);

  // The shard believes this primary, and this about it.
  std::optional<std::uint8_t> primary;
  bool had_primary = false;
  bool seen_serving = false;
  bool down = false;
  bool refuted = false;   // A retry has shown since the report "down" that the shard takes writes.
  bool given_up = false;  // A switchover was committed, and nobody knows the new primary.
  // The same, and nobody knew the old primary either: the time of the commit.
  std::optional<absl::Time> replaced_at;
  bool excused = false;  // An operator stopped the buffering while the primary was down.
  std::uint64_t down_tick = 0;
  absl::Time down_since;
  absl::Time down_observed;
  std::int64_t newest_term = 0;
  std::array<ModelServer, kAliases> servers;

  std::uint64_t epoch = 0;
  std::vector<StateChange> changes;
  // These are the counters that cannot be counted from the requests.
  ShardStats counters;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_MODEL_SHARD_H_
