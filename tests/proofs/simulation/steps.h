// A simulation is made of the options of the Buffer and of a list of steps. All are plain values,
// so a run can be recorded, cut down to the steps that matter, and replayed.
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

// The shards have fixed names. A step names its shard by the index of the name.
struct ShardName {
  std::string_view keyspace;
  std::string_view shard;
};
inline constexpr std::size_t kNames = 120;
// Returns whether the name is neither empty nor too long.
bool IsGoodName(std::size_t index);
const ShardName& NameOf(std::size_t index);

// Index 0 stands for no alias.
inline constexpr std::uint8_t kAliases = 6;
TabletAlias AliasOf(std::uint8_t index);

// A Config holds the options of one run. The shards that keyspace_shards lists are a set of bits
// here, so that the model does not have to parse a text.
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
  // Both arrays take the index of a name. shard_listed means that the shard itself is listed,
  // keyspace_listed that its whole keyspace is.
  std::array<bool, kNames> shard_listed{};
  std::array<bool, kNames> keyspace_listed{};
  // A classifier of the user replaces CausedByFailover.
  bool own_classifier = false;
  // The clock and the classifier call the Buffer.
  bool foreign_code_looks = false;
  std::int64_t clock_start_ns = 0;
  // This many of the names are used.
  std::size_t names = 1;
  // This many requests are held before anything else happens. The number is larger than what one
  // Poll runs.
  std::uint32_t flood = 0;

  bool AnyListed() const;
};

BufferOptions MakeOptions(const Config& config);

enum class StepKind : std::uint8_t {
  kRequest,
  kCancel,
  kDetach,
  kDropHandle,  // The step destroys the BufferedRequest or the coroutine.
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

// A Face says how a request asks to be held.
enum class Face : std::uint8_t { kCallback, kBlocking, kCoroutine };

// A Cause says how the attempt before the request ended.
enum class Cause : std::uint8_t { kNone, kFailover, kOther };

// A RetryEnd says how the client reports the end of its retry.
enum class RetryEnd : std::uint8_t { kCall, kCallWithOk, kCallWithError, kDestroy, kAssign };

// A ShardNews is what a keyspace event tells about one shard.
struct ShardNews {
  std::uint8_t name = 0;
  std::uint8_t alias = 0;
  bool serving = false;
};

// A Step is one call of the Buffer, or a move of the clock. Only the fields that belong to its kind
// have a meaning.
struct Step {
  StepKind kind = StepKind::kPoll;
  // If this is not 0, the step is done inside the callback of that request. It is not done if that
  // callback never runs.
  std::uint32_t during = 0;

  // For kRequest this is the number of the request. For other kinds it is the request that the step
  // is about. A step about a request that does not exist is left out. A step about a request that
  // is over is tried all the same, as a confused caller might do.
  std::uint32_t id = 0;
  std::uint8_t name = 0;

  // These fields belong to kRequest.
  Face face = Face::kCallback;
  Cause cause = Cause::kNone;
  bool by_name = false;         // If false, the request names its shard by a ShardHandle.
  bool cancelled = false;       // kBlocking: the call was cancelled before it began.
  bool by_stop_token = false;   // kBlocking: a stop token cancels the call.
  std::int64_t timeout_ns = 0;  // kForEver means that there is no timeout.
  std::uint32_t bytes = 0;

  RetryEnd retry_end = RetryEnd::kCall;

  // These fields belong to kReport. It alone uses `serving` and `alias`, too.
  TabletType tablet_type = TabletType::kPrimary;
  std::uint8_t alias = 0;
  bool up = true;
  bool serving = true;
  std::int64_t timestamp = 0;

  // These fields belong to kKeyspaceEvent.
  MoveTablesState move_tables_state = MoveTablesState::kUnknown;
  std::uint8_t news_count = 0;
  std::array<ShardNews, 3> news{};

  // This field belongs to kAdvanceClock.
  std::int64_t advance_ns = 0;
};

inline constexpr std::int64_t kForEver = INT64_MAX;
absl::Duration TimeoutOf(const Step& step);

// These return one line each, for people to read.
std::string ToString(const Config& config);
std::string ToString(const Step& step);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_STEPS_H_
