#include "failover/flags.h"

#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/time/time.h"

ABSL_FLAG(bool, enable_buffer, false,
          "Hold requests for a primary while its shard fails over, instead of failing them.");
ABSL_FLAG(bool, enable_buffer_dry_run, false,
          "Detect and log failovers and count what would be held, but hold nothing.");
ABSL_FLAG(absl::Duration, buffer_window, absl::Seconds(10),
          "How long a request is held at the most. Client timeouts must be longer.");
ABSL_FLAG(std::int64_t, buffer_size, 1000, "How many requests are held at once, over all shards.");
ABSL_FLAG(absl::Duration, buffer_max_failover_duration, absl::Seconds(20),
          "Stop buffering a shard when its failover takes longer than this.");
ABSL_FLAG(absl::Duration, buffer_min_time_between_failovers, absl::Minutes(1),
          "Do not buffer a shard again before this long after its last failover or reparent.");
ABSL_FLAG(std::int64_t, buffer_drain_concurrency, 1,
          "How many held requests of a shard are retried at once when its failover is over.");
ABSL_FLAG(
    std::int64_t, buffer_drain_concurrency_max, 32,
    "As long as retries succeed, so many held requests of a shard are retried at once, if the "
    "program can hold a retry again.");
ABSL_FLAG(std::int64_t, buffer_max_per_shard, 0,
          "How many requests of one shard are held at once. 0: no limit but buffer_size.");
ABSL_FLAG(
    absl::Duration, buffer_down_confirmation, absl::ZeroDuration(),
    "For how long a primary must be seen down before requests that have not failed are held.");
ABSL_FLAG(std::string, buffer_keyspace_shards, "",
          "Buffer only these: a comma-separated list of keyspace or keyspace/shard.");
ABSL_FLAG(std::uint64_t, buffer_max_bytes, 0,
          "Limit of the memory that held requests pin, in bytes. 0: no limit.");
ABSL_FLAG(std::int64_t, buffer_max_shards, 65536,
          "How many shards may be known; requests for others are never held.");

namespace failover {

absl::StatusOr<BufferOptions> BufferOptionsFromFlags() {
  BufferOptions options;
  options.enabled = absl::GetFlag(FLAGS_enable_buffer);
  options.dry_run = absl::GetFlag(FLAGS_enable_buffer_dry_run);
  options.window = absl::GetFlag(FLAGS_buffer_window);
  options.size = absl::GetFlag(FLAGS_buffer_size);
  options.max_failover_duration = absl::GetFlag(FLAGS_buffer_max_failover_duration);
  options.min_time_between_failovers = absl::GetFlag(FLAGS_buffer_min_time_between_failovers);
  options.drain_concurrency = absl::GetFlag(FLAGS_buffer_drain_concurrency);
  options.drain_concurrency_max = absl::GetFlag(FLAGS_buffer_drain_concurrency_max);
  options.max_per_shard = absl::GetFlag(FLAGS_buffer_max_per_shard);
  options.down_confirmation = absl::GetFlag(FLAGS_buffer_down_confirmation);
  options.keyspace_shards = absl::GetFlag(FLAGS_buffer_keyspace_shards);
  options.max_bytes = absl::GetFlag(FLAGS_buffer_max_bytes);
  options.max_shards = absl::GetFlag(FLAGS_buffer_max_shards);
  if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
  return options;
}

}  // namespace failover
