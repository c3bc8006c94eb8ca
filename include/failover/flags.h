// Command-line flags for BufferOptions (CMake target failover::flags).
//
//   absl::ParseCommandLine(argc, argv);
//   absl::StatusOr<failover::BufferOptions> options = failover::BufferOptionsFromFlags();
//
// The flags, with the names and defaults of vtgate: --enable_buffer (false),
// --enable_buffer_dry_run (false), --buffer_window (10s), --buffer_size (1000),
// --buffer_max_failover_duration (20s), --buffer_min_time_between_failovers (1m),
// --buffer_drain_concurrency (1), --buffer_keyspace_shards (""). These flags are additions of
// this library: --buffer_drain_concurrency_max (32), --buffer_max_per_shard (0),
// --buffer_down_confirmation (0), --buffer_max_bytes (0), --buffer_max_shards (65536).
#ifndef FAILOVER_FLAGS_H_
#define FAILOVER_FLAGS_H_

#include "absl/status/statusor.h"
#include "failover/buffer_options.h"
#include "failover/export.h"

namespace failover {

// Returns the options as the flags say, or kInvalidArgument, which names the flag that is wrong.
// Thread-safe. Must be called after absl::ParseCommandLine.
FAILOVER_EXPORT absl::StatusOr<BufferOptions> BufferOptionsFromFlags();

}  // namespace failover

#endif  // FAILOVER_FLAGS_H_
