// The functions of BufferCore that tell a Buffer about its shards: health reports, keyspace events
// and an operator's commands.
#include <string>

#include "api/buffer_core.h"
#include "api/lifecycle.h"
#include "api/shard_change.h"

namespace failover::internal {

void BufferCore::OnReport(const TabletStats& stats) {
  if (stats.target.tablet_type != TabletType::kPrimary) return;
  ShardBuffer* const shard = ShardOrNull(stats.target.keyspace, stats.target.shard);
  if (shard == nullptr) return;
  const Instant now = time_.Now();
  const Observed observed = ObservedAt(stats, now);
  LookForPolls(*shard, now);
  ShardChange change(*this, *shard, {"report:before-lock", "report:after-lock"});
  shard->OnReport(now, stats, observed, change.effects());
}

Observed BufferCore::ObservedAt(const TabletStats& stats, Instant now) {
  if (stats.observed_at != absl::InfinitePast()) {
    const Instant at = time_.At(stats.observed_at);
    if (at <= now) return {at, /*stamped=*/true};
    if (!future_stamp_logged_.exchange(true)) {
      logger_.Log(
          LogLevel::kWarning,
          "a health report was observed later than now, so its time is ignored: observed_at must "
          "be told by the clock of the Buffer");
    }
  }
  // The server may have been asked long before its answer came. A server that does not serve is
  // believed at once.
  if (!stats.up || !stats.serving) return {now, false};
  return {now - unstamped_report_delay_.load(std::memory_order_relaxed), false};
}

void BufferCore::NoteRefused(ShardBuffer& shard, std::string_view why) {
  const Instant now = time_.Now();
  const auto make_cause = [why] { return std::string(why); };
  ShardChange change(*this, shard, {"refusal:before-lock", "refusal:after-lock"}, make_cause);
  shard.OnRefusalNoted(now, change.effects());
}

void BufferCore::OnKeyspaceEvent(const KeyspaceEvent& event) {
  // A request that the event released for one shard may make another thread destroy the Buffer. The
  // destructor then waits until the event has reached the last shard.
  const Lifecycle::Caller caller(lifecycle_);
  for (const ShardEvent& shard_event : event.shards) {
    const Target& target = shard_event.target;
    if (target.tablet_type != TabletType::kPrimary && target.tablet_type != TabletType::kUnknown) {
      continue;
    }
    ShardBuffer* const shard =
        ShardOrNull(event.keyspace.empty() ? target.keyspace : event.keyspace, target.shard);
    if (shard == nullptr) continue;
    const Instant now = time_.Now();
    ShardChange change(*this, *shard, {"event:before-lock", "event:after-lock"});
    shard->OnKeyspaceEvent(now, shard_event, event.move_tables_state, change.effects());
  }
}

bool BufferCore::StartBuffering(ShardBuffer& shard, std::string_view reason) {
  const Instant now = time_.Now();
  const auto make_cause = [reason] { return std::string(reason); };
  ShardChange change(*this, shard, {"start-command:before-lock", "start-command:after-lock"},
                     make_cause);
  return shard.OnStartCommand(now, change.effects());
}

bool BufferCore::StopBuffering(ShardBuffer& shard) {
  const Instant now = time_.Now();
  ShardChange change(*this, shard, {"stop-command:before-lock", "stop-command:after-lock"});
  return shard.OnStopCommand(now, change.effects());
}

}  // namespace failover::internal
