// How a Buffer behaves. Set the fields, then give it to Buffer::Create.
//
//   failover::BufferOptions options;
//   options.window = absl::Seconds(5);
//   auto buffer = failover::Buffer::Create(options);
//
// Names, defaults and rules are those of vtgate's flags. failover/flags.h has the flags.
#ifndef FAILOVER_BUFFER_OPTIONS_H_
#define FAILOVER_BUFFER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/log.h"

namespace failover {

// The longest keyspace name and the longest shard name that a Buffer takes, in bytes.
inline constexpr std::size_t kMaxNameLength = 256;

class Budget;  // failover/budget.h
class Clock;
struct Transition;  // failover/transition.h

// Which thread drives timers and runs callbacks.
enum class Threading : std::uint8_t {
  // The Buffer owns one thread, which does.
  kServiceThread,
  // The Buffer has no thread. The embedder calls Buffer::Poll, for instance from its event loop.
  kManual,
};

// Copyable. Not thread-safe, as any plain struct.
struct FAILOVER_EXPORT BufferOptions {
  // Whether requests are held. If this and dry_run are false, every request passes.
  bool enabled = true;
  // Whether requests that would be held are only counted. If `enabled` is set, too, then the shards
  // that `keyspace_shards` lists really buffer, and the requests of all others are only counted.
  bool dry_run = false;
  // How long one request is held at the most. At least 1 s, at most max_failover_duration. The
  // timeouts of clients must be longer than this, or the clients give up first.
  absl::Duration window = absl::Seconds(10);
  // How many requests are held or being retried at once, over all shards. At least 1.
  std::int64_t size = 1000;
  // A failover that takes longer than this counts as ended, whatever was reported.
  absl::Duration max_failover_duration = absl::Seconds(20);
  // The time that must pass after the last failover of a shard ended, and after its last reparent,
  // before its next failover begins. At least twice max_failover_duration.
  absl::Duration min_time_between_failovers = absl::Minutes(1);
  // How many requests of one shard are retried at the same time when its failover is over. At
  // least 1. Small values spare the new primary.
  std::int64_t drain_concurrency = 1;
  // The drain of requests that may come back (RequestContext::may_probe) speeds up to this many
  // retries at the same time, as long as their retries succeed. A value below drain_concurrency
  // counts as drain_concurrency. At least 1.
  std::int64_t drain_concurrency_max = 32;
  // For how long a released retry that does not end counts against drain_concurrency, and keeps its
  // shard in Draining. Less, if the request's own timeout is less. If this is unset,
  // max_failover_duration. At least 1 ms.
  std::optional<absl::Duration> max_retry_time = {};
  // How long a shard is held on a suspicion: because of a failed request that may come back, when
  // its error alone does not prove a failover. At least 1 ms.
  absl::Duration suspicion = absl::Seconds(1);
  // How long after the beginning of a failover a request that may come back is let go alone, to see
  // whether the shard takes writes. At least 1 ms.
  absl::Duration probe_after = absl::Seconds(1);
  // A serving report without TabletStats::observed_at counts as observed so long before it came. At
  // least zero.
  absl::Duration unstamped_report_delay = absl::Seconds(3);
  // For how long the primary must have been reported down until requests that have not failed are
  // held. A drain stops at once. At least zero.
  absl::Duration down_confirmation = absl::ZeroDuration();
  // How many requests of one shard are held or being retried at once. 0 means no limit but `size`.
  std::int64_t max_per_shard = 0;
  // Limits the buffering to these shards: a comma-separated list of `keyspace` and
  // `keyspace/shard`. Blanks around items are ignored. If the list is empty, all shards buffer.
  std::string keyspace_shards = {};
  // The limit of the memory in bytes that held requests pin (RequestContext::bytes). 0 means no
  // limit.
  std::uint64_t max_bytes = 0;
  // How many shards may be known; requests for others pass. This bounds the memory for names that
  // come from clients. At least 1.
  std::int64_t max_shards = 65536;
  // How long Shutdown waits for released requests to end their retries. If this is unset, it waits
  // for `window`. In Threading::kManual it never waits.
  std::optional<absl::Duration> shutdown_grace = {};

  // Slots, bytes and retries that the Buffer shares with others, besides its own limits. nullptr
  // means that it shares nothing. The Buffer shares the ownership.
  std::shared_ptr<Budget> budget = {};

  Threading threading = Threading::kServiceThread;
  // The source of time. nullptr means the steady clock. Not owned; must outlive the Buffer.
  Clock* clock = nullptr;
  // For Threading::kManual only. The Buffer calls this when Poll is due earlier than it last said.
  // The call may come on any thread and inside any call of the Buffer, but never under a lock. Post
  // to the event loop (write an eventfd) and return; do not call the Buffer in here. Must not throw
  // (std::terminate). Never called after Shutdown returned. Without it, Poll must be called at a
  // fixed rate, for instance every 10 ms. Callbacks and timers are late by up to that time. If a
  // request is held and Poll is not called for 1 s, that is logged once.
  std::function<void()> wakeup = {};
  // Says whether a failover caused the error of a request. If this is empty, CausedByFailover says
  // so. It must be thread-safe, and must return true only for statements that were not executed. It
  // is called for each failed request, maybe more than once, never under a lock.
  std::function<bool(const absl::Status&)> caused_by_failover = {};

  // Is told each change of the state of a shard, for instance to drop pooled connections
  // (ShardHandle::epoch) or to check the servers at once. Called under no lock, one call at a time
  // and in order for each shard, on the thread that decided or on the thread that is still
  // delivering an earlier change of that shard. May call the Buffer. Shutdown waits for calls that
  // run. Inside of them it returns at once, as inside a callback. Must not throw (std::terminate).
  std::function<void(const Transition&)> on_transition = {};

  // Takes the log lines of this Buffer (failover/log.h has the rules). If this is empty, the lines
  // go to the spdlog logger "failover" if one is registered, and otherwise to stderr.
  LogFunction log = {};

  // Returns OK, or kInvalidArgument, which names the option and its value. All rules hold whether
  // or not buffering is enabled.
  absl::Status Validate() const;
};

}  // namespace failover

#endif  // FAILOVER_BUFFER_OPTIONS_H_
