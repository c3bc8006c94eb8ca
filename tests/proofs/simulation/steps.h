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
#include "failover/attempt.h"
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
  std::int64_t drain_concurrency_max = 32;
  std::int64_t max_retry_ns = 0;  // 0 means that the option is not set.
  std::int64_t suspicion_ns = 0;
  std::int64_t probe_after_ns = 0;
  std::int64_t unstamped_report_delay_ns = 0;
  std::int64_t down_confirmation_ns = 0;
  std::int64_t max_per_shard = 0;
  std::uint64_t max_bytes = 0;
  std::int64_t max_shards = 0;
  // The limits of the Budget. A size of 0 means that there is none.
  std::int64_t budget_size = 0;
  std::uint64_t budget_bytes = 0;
  std::int64_t budget_retries = 0;
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

// The options after a kReconfigure: some differ from those of before. The same arguments give the
// same options.
Config Reconfigured(const Config& before, std::uint64_t seed);

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
  kNoteRefused,
  // The id of these three is the number of the switchover.
  kBeginSwitchover,
  kCommit,
  kAbort,
  kReconfigure,
  kBeginShutdown,
  kNeighbour,   // The other Buffers with the same Budget take from it, or give back.
  kFaultsStop,  // From here on every retry succeeds, and `serving` says whether reports tell so.
};
inline constexpr std::size_t kStepKinds = 21;

// A Face says how a request asks to be held.
enum class Face : std::uint8_t { kCallback, kBlocking, kCoroutine };

// A Cause says how the attempt before the request ended: the first three as a Status, the others as
// an Attempt.
enum class Cause : std::uint8_t {
  kNone,
  kFailover,
  kOther,
  kRefused,
  kRefusedAtConnect,
  kFailed,
  kSucceeded,
  kUnknown,
};
inline constexpr std::size_t kCauses = 8;
Attempt AttemptOf(Cause cause);
bool IsFailover(Cause cause);

// A RetryEnd says how the client reports the end of its retry. kTell... are Attempts.
enum class RetryEnd : std::uint8_t {
  kCall,
  kCallWithOk,
  kCallWithError,
  kCallWithFailover,
  kDestroy,
  kAssign,
  kTellRefused,
  kTellRefusedAtConnect,
  kTellFailed,
  kTellSucceeded,
  kTellUnknown,
};
inline constexpr std::size_t kRetryEnds = 11;
Attempt AttemptOf(RetryEnd end);

// A ShardNews is what a keyspace event tells about one shard.
struct ShardNews {
  std::uint8_t name = 0;
  std::uint8_t alias = 0;
  bool serving = false;
};

inline constexpr std::int64_t kForEver = INT64_MAX;
inline constexpr std::int64_t kNoStamp = INT64_MIN;

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

  // This field belongs to kCancel: RequestContext::cancellation ends the wait, not the handle. For
  // kAbort it says that the Switchover is destroyed.
  bool by_context = false;

  // These fields belong to kRequest.
  Face face = Face::kCallback;
  Cause cause = Cause::kNone;
  bool by_name = false;         // If false, the request names its shard by a ShardHandle.
  bool cancelled = false;       // The request was cancelled before it came.
  bool by_stop_token = false;   // kBlocking: a stop token cancels the call.
  std::int64_t timeout_ns = 0;  // kForEver means that there is no timeout.
  std::uint32_t bytes = 0;
  bool may_probe = false;
  bool writes = false;
  Work work = Work::kUncounted;
  // The request whose token is handed back with this one. 0 means that none is.
  std::uint32_t previous = 0;

  RetryEnd retry_end = RetryEnd::kCall;

  // These fields belong to kBeginSwitchover, whose hold_timeout is timeout_ns.
  std::int64_t grace_ns = 0;
  bool proceeds = false;
  bool commit_only = false;

  // These fields belong to kReport. It alone uses `serving` and `alias`, too.
  TabletType tablet_type = TabletType::kPrimary;
  std::uint8_t alias = 0;
  bool up = true;
  bool serving = true;
  std::int64_t timestamp = 0;
  std::int64_t observed_ns = kNoStamp;  // Since the Unix epoch.

  // These fields belong to kKeyspaceEvent.
  MoveTablesState move_tables_state = MoveTablesState::kUnknown;
  std::uint8_t news_count = 0;
  std::array<ShardNews, 3> news{};

  // This field belongs to kAdvanceClock.
  std::int64_t advance_ns = 0;

  // This field belongs to kReconfigure.
  std::uint64_t seed = 0;

  // These fields belong to kNeighbour, and so does `bytes`: what the other Buffers have from then
  // on, as far as the Budget allows.
  std::uint32_t slots = 0;
  std::uint32_t turns = 0;
};

absl::Duration TimeoutOf(const Step& step);

// These return one line each, for people to read.
std::string ToString(const Config& config);
std::string ToString(const Step& step);

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_STEPS_H_
