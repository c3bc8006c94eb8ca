// How a Buffer behaves. Set the fields, then give it to Buffer::Create.
//
//   failover::BufferOptions options;
//   options.window = absl::Seconds(5);
//   auto buffer = failover::Buffer::Create(options);
//
// Names, defaults and rules are those of vtgate's flags (failover/flags.h has the flags).
#ifndef FAILOVER_BUFFER_OPTIONS_H_
#define FAILOVER_BUFFER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

// The longest keyspace name and the longest shard name that a Buffer takes, in bytes.
inline constexpr std::size_t kMaxNameLength = 256;

class Clock;

// Who drives timers and runs callbacks.
enum class Threading : std::uint8_t {
  // One thread, owned by the Buffer.
  kServiceThread,
  // No thread at all: the embedder calls Buffer::Poll, for instance from its event loop.
  kManual,
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT BufferOptions {
  // Hold requests. False without dry_run: every request passes.
  bool enabled = true;
  // Only count what would be held. Together with `enabled` and `keyspace_shards`: the listed
  // ones really buffer, all others are counted only.
  bool dry_run = false;
  // How long one request is held at the most. At least 1 s, at most max_failover_duration. What
  // a client waits for must be longer than this, or it gives up first.
  absl::Duration window = absl::Seconds(10);
  // How many requests are held (or being retried) at once, over all shards. At least 1.
  std::int64_t size = 1000;
  // After this long a failover is taken to be over, whatever was reported.
  absl::Duration max_failover_duration = absl::Seconds(20);
  // No new failover of a shard begins before this long after the end of its last one, nor after
  // its last reparent. At least twice max_failover_duration.
  absl::Duration min_time_between_failovers = absl::Minutes(1);
  // How many requests of one shard are retried at the same time when its failover is over. At
  // least 1. Small values spare the new primary.
  std::int64_t drain_concurrency = 1;
  // Limits buffering to these: a comma-separated list of `keyspace` and `keyspace/shard`; blanks
  // around items are ignored. Empty: all.
  std::string keyspace_shards = {};
  // Limit of the memory that held requests say they pin (RequestContext::bytes). 0: no limit.
  std::uint64_t max_bytes = 0;
  // How many shards may be known; requests for others pass. A bound for names that come from
  // clients. At least 1.
  std::int64_t max_shards = 65536;
  // How long Shutdown waits for released requests to end their retries. Unset: `window`. In
  // Threading::kManual it is always zero.
  std::optional<absl::Duration> shutdown_grace = {};

  Threading threading = Threading::kServiceThread;
  // nullptr: the steady clock. Not owned; must outlive the Buffer.
  Clock* clock = nullptr;
  // Threading::kManual only: called when Poll is due earlier than it last said, in any thread
  // and possibly inside any call of the Buffer, never under a lock. Post to the event loop (write
  // an eventfd) and return; do not call the Buffer from here. Must not throw (std::terminate).
  // Never called after Shutdown returned.
  std::function<void()> wakeup = {};
  // Which errors of a request mean a failover. Empty: CausedByFailover. Must be thread-safe and
  // must hold only for statements that were not executed. Called for each failed request, maybe
  // more than once, never under a lock.
  std::function<bool(const absl::Status&)> caused_by_failover = {};

  // OK, or kInvalidArgument that names the option and its value. All rules hold whether or not
  // buffering is enabled.
  absl::Status Validate() const;
};

}  // namespace failover

#endif  // FAILOVER_BUFFER_OPTIONS_H_
