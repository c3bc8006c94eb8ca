// Counters and gauges of a Buffer, as plain copies. docs/reference/metrics.md explains them.
//
// They are vtgate's Buffer* variables, per shard. The counter of every reason exists from the
// moment when the shard becomes known, so that a rate works on the first failover. Counters never
// go down, and durations are measured on a monotonic clock.
//
//   const failover::ShardStats s = *buffer->GetShardStats("commerce", "-80");
//   s.requests_evicted[failover::EvictedReason::kWindowExceeded];
#ifndef FAILOVER_STATS_H_
#define FAILOVER_STATS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "failover/enum_array.h"
#include "failover/export.h"
#include "failover/histogram.h"

namespace failover {

enum class State : std::uint8_t { kIdle, kBuffering, kDraining };

// Why a shard stopped buffering.
enum class StopReason : std::uint8_t {
  kNewPrimarySeen,             // a newer reparent timestamp, or a keyspace event, was reported
  kPrimaryServingAgain,        // the same primary was seen not serving, then serving
  kMaxDurationExceeded,        // max_failover_duration is over
  kShutdown,                   // Buffer::Shutdown
  kReshardingComplete,         // the shard is gone
  kMoveTablesSwitchedTraffic,  // the tables are served by another keyspace now
  kManual,                     // Buffer::StopBuffering, or the end of a planned switchover
  kRetrySucceeded,             // a retry that was let go during the failover has succeeded
};
inline constexpr std::size_t kStopReasons = 8;

// Why a held request left the queue before its failover ended.
enum class EvictedReason : std::uint8_t {
  kBufferFull,      // the request made room for a newer one, and failed
  kWindowExceeded,  // the request was held for the whole window, and is retried (or fails, while a
                    // planned switchover holds everything)
  kContextDone,     // the request was cancelled or its caller's timeout is over, and it failed
};
inline constexpr std::size_t kEvictedReasons = 3;

// Why a request was not held, although its shard was buffering or the request would have started
// the buffering.
enum class SkippedReason : std::uint8_t {
  kBufferFull,  // the request failed
  kDisabled,    // every request of such a shard counts
  kShutdown,    // every request after Shutdown counts
  kLastReparentTooRecent,
  kLastFailoverTooRecent,
  kBudgetUsedUp,  // the shard has been held for max_failover_duration of late
  kDraining,      // a failover's error, while the shard drains (may_probe: only if in vain)
};
inline constexpr std::size_t kSkippedReasons = 7;

// How a held request left the queue: with the end of its failover (or as a probe, or because its
// shard is gone), or for one of the EvictedReasons.
enum class WayOut : std::uint8_t { kDrained, kBufferFull, kWindowExceeded, kContextDone };
inline constexpr std::size_t kWaysOut = 4;

// Return the name of a value without its leading k, which is vtgate's label: "NewPrimarySeen".
FAILOVER_EXPORT std::string_view ToString(State state);
FAILOVER_EXPORT std::string_view ToString(StopReason reason);
FAILOVER_EXPORT std::string_view ToString(EvictedReason reason);
FAILOVER_EXPORT std::string_view ToString(SkippedReason reason);
FAILOVER_EXPORT std::string_view ToString(WayOut way);

// What a shard counts.
struct ShardCounters {
  // How many failovers began, and how many ended.
  std::uint64_t starts = 0;
  EnumArray<StopReason, kStopReasons> stops{};

  // How long failovers took from start to stop. The sum is over all failovers.
  absl::Duration failover_duration_sum;
  absl::Duration last_failover_duration;
  // The durations of all failovers that ended. The count is the sum of `stops`.
  DurationHistogram failover_durations;
  // By way out: for how long requests had been held, counted from the moment when they were first
  // held. A request that is held again counts each time when it leaves the queue.
  EnumArray<WayOut, kWaysOut, DurationHistogram> held_durations{};

  // The sum over all failovers of the peak share of BufferOptions::size in use, in whole percent.
  std::uint64_t utilization_sum = 0;
  std::uint64_t utilization_dry_run_sum = 0;
  // The peak of the current failover, or of the last failover if there is none now.
  std::uint64_t last_requests_in_flight_max = 0;
  std::uint64_t last_requests_dry_run_max = 0;

  // Once no drain is running, buffered == drained + the sum of evicted + ShardStats::requests_held.
  std::uint64_t requests_buffered = 0;
  std::uint64_t requests_buffered_dry_run = 0;
  std::uint64_t requests_drained = 0;
  EnumArray<EvictedReason, kEvictedReasons> requests_evicted{};
  EnumArray<SkippedReason, kSkippedReasons> requests_skipped{};

  // How retries ended, as far as their RetryDoneFunc was given an outcome.
  std::uint64_t retries_succeeded = 0;
  std::uint64_t retries_failed = 0;
  // How many released retries did not end in BufferOptions::max_retry_time.
  std::uint64_t retries_overdue = 0;

  // How many requests came back after their retry was refused, and were held again. They count in
  // requests_buffered, too.
  std::uint64_t requests_held_again = 0;
  // How many errors passed while the shard held or drained, because no failover caused them, and
  // the absl::StatusCode of the last one.
  std::uint64_t requests_slipped_past = 0;
  int last_code_slipped_past = 0;
  // How many reports were dropped because a newer report of the same server had come before.
  std::uint64_t reports_late = 0;
};

// For how long a shard may be held. A hold spends this time, and it comes back evenly while nothing
// holds (BufferOptions::max_failover_duration, min_time_between_failovers).
struct HoldBudgetStats {
  // What is left at the time `as_of` (of Buffer::Now), and how many seconds come back in a second;
  // -1 while the shard is held.
  absl::Duration left;
  absl::Time as_of;
  double per_second = 0;
  // No more than this comes back.
  absl::Duration most;

  // What is left at `now`, if the shard goes on as it does. At least 0.
  FAILOVER_EXPORT absl::Duration LeftAt(absl::Time now) const;
};

struct ShardStats : ShardCounters {
  std::string keyspace;
  std::string shard;
  State state = State::kIdle;

  // How many requests wait now, and how many are released and have not ended their retry.
  std::uint64_t requests_held = 0;
  std::uint64_t requests_retrying = 0;
  // Since when the request that came first is held, and when the last report of a primary of this
  // shard came, but for reports that were late. Both are times of Buffer::Now. nullopt: no request
  // is held, or no report came.
  std::optional<absl::Time> oldest_held_since;
  std::optional<absl::Time> last_report_at;
  // For how long the shard may still be held. A hold that is under way ends then at the latest.
  HoldBudgetStats hold_budget;
};

// What the Buffers with the same Budget (failover/budget.h) have taken of it together.
struct BudgetStats {
  // BudgetLimits::size, and how many of these slots are free.
  std::uint64_t size = 0;
  std::uint64_t slots_free = 0;
  // The sum of RequestContext::bytes over the held requests.
  std::uint64_t bytes_held = 0;
  // BudgetLimits::max_retries, and how many retries count against it. They may be more, because
  // each shard that drains may always have one.
  std::uint64_t max_retries = 0;
  std::uint64_t retries = 0;
};

struct BufferStats {
  // BufferOptions::size, and how many of these slots are free. A slot is taken while a request
  // is held and until its retry has ended.
  std::uint64_t size = 0;
  std::uint64_t slots_free = 0;
  // The sum of RequestContext::bytes over the held requests.
  std::uint64_t bytes_held = 0;
  // How many look-ups of a shard by name were refused because max_shards shards were known already.
  // The requests passed.
  std::uint64_t requests_skipped_too_many_shards = 0;
  // The Budget of the Buffer; nullopt if it has none.
  std::optional<BudgetStats> budget;
  // The shards, in the order in which they became known.
  std::vector<ShardStats> shards;
};

}  // namespace failover

#endif  // FAILOVER_STATS_H_
