// What a simulation is made of: the options of the Buffer, and a list of steps. All are plain
// values, so a run can be recorded, cut down to the steps that matter, and replayed.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_STEPS_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_STEPS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "failover/buffer_options.h"
#include "failover/health_check.h"
#include "failover/request_context.h"

namespace failover::simulation {

// The shards have fixed names; steps say which one is meant by its index.
struct ShardName {
  std::string_view keyspace;
  std::string_view shard;
};
inline constexpr std::size_t kNames = 120;
// Is neither empty nor too long.
bool IsGoodName(std::size_t index);
const ShardName& NameOf(std::size_t index);

// 0: no alias.
inline constexpr std::uint8_t kAliases = 6;
TabletAlias AliasOf(std::uint8_t index);

// The options of one run. What keyspace_shards lists is a set of bits here, so that the model
// does not have to parse it.
struct Config {
  bool enabled = true;
  bool dry_run = false;
  std::int64_t window_ns = 0;
  std::int64_t max_failover_duration_ns = 0;
  std::int64_t min_time_between_failovers_ns = 0;
  std::int64_t size = 0;
  std::int64_t drain_concurrency = 0;
  std::uint64_t max_bytes = 0;
  std::int64_t max_shards = 0;
  // By the index of a name: the shard itself is listed; its whole keyspace is.
  std::array<bool, kNames> shard_listed{};
  std::array<bool, kNames> keyspace_listed{};
  // A classifier of the user's own takes the place of CausedByFailover.
  bool own_classifier = false;
  // The clock and the classifier call the Buffer.
  bool foreign_code_looks = false;
  std::int64_t clock_start_ns = 0;
  // How many of the names are used.
  std::size_t names = 1;
  // How many requests are held before anything else happens; more than one Poll wants to run.
  std::uint32_t flood = 0;

  bool AnyListed() const;
};

BufferOptions MakeOptions(const Config& config);

enum class StepKind : std::uint8_t {
  kRequest,
  kCancel,
  kDetach,
  kDropHandle,  // destroys the BufferedRequest, or the coroutine
  kEndRetry,
  kReport,
  kKeyspaceEvent,
  kAdvanceClock,
  kPoll,
  kStartBuffering,
  kStopBuffering,
  kGetShard,
  kShutdown,
};
inline constexpr std::size_t kStepKinds = 13;

// How a request asks to be held.
enum class Face : std::uint8_t { kCallback, kBlocking, kCoroutine };

// What the attempt before it ended with.
enum class Cause : std::uint8_t { kNone, kFailover, kOther };

// How the client tells the end of its retry.
enum class RetryEnd : std::uint8_t { kCall, kCallWithOk, kCallWithError, kDestroy, kAssign };

// What a keyspace event tells about one shard.
struct ShardNews {
  std::uint8_t name = 0;
  std::uint8_t alias = 0;
  bool serving = false;
};

// One call of the Buffer, or a move of the clock. Only the fields of its kind mean anything.
struct Step {
  StepKind kind = StepKind::kPoll;
  // Not 0: to be done inside the callback of that request, when and if it runs.
  std::uint32_t during = 0;

  // kRequest: its number; other kinds: the request that they are about. A step about a request
  // that does not exist, or is past it, does what a confused caller would do: as little.
  std::uint32_t id = 0;
  std::uint8_t name = 0;

  // kRequest
  Face face = Face::kCallback;
  Cause cause = Cause::kNone;
  bool by_name = false;         // and not by a ShardHandle
  bool cancelled = false;       // kBlocking: was cancelled before
  bool by_stop_token = false;   // kBlocking: is cancelled that way
  std::int64_t timeout_ns = 0;  // kForEver: none
  std::uint32_t bytes = 0;

  RetryEnd retry_end = RetryEnd::kCall;

  // kReport; `serving` and `alias` for it alone, too
  TabletType tablet_type = TabletType::kPrimary;
  std::uint8_t alias = 0;
  bool up = true;
  bool serving = true;
  std::int64_t timestamp = 0;

  // kKeyspaceEvent
  MoveTablesState move_tables_state = MoveTablesState::kUnknown;
  std::uint8_t news_count = 0;
  std::array<ShardNews, 3> news{};

  // kAdvanceClock
  std::int64_t advance_ns = 0;
};

inline constexpr std::int64_t kForEver = INT64_MAX;
absl::Duration TimeoutOf(const Step& step);

// For people: one line each.
std::string ToString(const Config& config);
std::string ToString(const Step& step);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_STEPS_H_
