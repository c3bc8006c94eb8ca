#include "api/buffer_core.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "api/failover_log.h"
#include "api/shard_change.h"
#include "base/sync_point.h"

namespace failover::internal {
BufferCore::BufferCore(BufferOptions options, KeyspaceShards keyspace_shards)
    : options_(std::move(options)),
      keyspace_shards_(std::move(keyspace_shards)),
      logger_(options_.log),
      time_(options_.clock),
      pool_(options_.size, options_.max_bytes),
      shard_context_{
          *this,
          pool_,
          ToNanoseconds(options_.window),
          ToNanoseconds(options_.max_failover_duration),
          ToNanoseconds(options_.min_time_between_failovers),
          options_.drain_concurrency,
          std::max(options_.drain_concurrency, options_.drain_concurrency_max),
          ToNanoseconds(options_.max_retry_time.value_or(options_.max_failover_duration)),
          ToNanoseconds(options_.down_confirmation),
          options_.max_per_shard,
          {ToNanoseconds(options_.suspicion), ToNanoseconds(options_.probe_after)},
          static_cast<bool>(options_.on_transition)},
      registry_(static_cast<std::size_t>(options_.max_shards)),
      dispatcher_(*this),
      poll_watch_(manual() && !options_.wakeup),
      lifecycle_(*this) {
  LogStartup(logger_, options_);
  if (manual() || (!options_.enabled && !options_.dry_run)) return;
  service_thread_ = std::make_unique<ServiceThread>([this] { return PollOnServiceThread(); });
}

BufferCore& BufferCore::Of(ShardBuffer& shard) {
  RefCounted& owner = shard.owner();
  assert(dynamic_cast<BufferCore*>(&owner) != nullptr);
  return static_cast<BufferCore&>(owner);
}

// ---- Shards -----------------------------------------------------------------------------------

bool BufferCore::IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength;
}

ShardBuffer* BufferCore::ShardOrNull(std::string_view keyspace, std::string_view shard) {
  if (ShardBuffer* const known = registry_.Find(keyspace, shard)) return known;
  if (!IsName(keyspace) || !IsName(shard)) return nullptr;
  return MakeKnown(keyspace, shard);
}

ShardBuffer* BufferCore::MakeKnown(std::string_view keyspace, std::string_view shard) {
  // Names may come from clients. If the registry is full, a new name must not make requests queue
  // for its mutex.
  ShardBuffer* known = nullptr;
  FAILOVER_SYNC_POINT("make-known:before-lock");
  if (!registry_.full()) {
    const bool disabled = keyspace_shards_.ModeOf(options_, keyspace, shard) == Mode::kDisabled;
    known = registry_.FindOrMake(
        keyspace, shard, disabled, [this](std::size_t count) { dispatcher_.ReserveTimers(count); },
        [this](std::string_view keyspace_name, std::string_view shard_name,
               StripedCounters* counters,
               std::size_t lane) { return MakeShard(keyspace_name, shard_name, counters, lane); });
  }
  if (known == nullptr && registry_.full()) {
    refused_shards_.fetch_add(1, std::memory_order_relaxed);
  }
  return known;
}

std::unique_ptr<ShardBuffer> BufferCore::MakeShard(std::string_view keyspace,
                                                   std::string_view shard,
                                                   StripedCounters* counters, std::size_t lane) {
  return std::make_unique<ShardBuffer>(shard_context_, keyspace, shard,
                                       keyspace_shards_.ModeOf(options_, keyspace, shard), counters,
                                       lane);
}

BufferStats BufferCore::Stats() const {
  BufferStats stats;
  stats.size = static_cast<std::uint64_t>(pool_.size());
  stats.slots_free = static_cast<std::uint64_t>(pool_.free_slots());
  stats.bytes_held = pool_.bytes_held();
  stats.requests_skipped_too_many_shards = refused_shards_.load(std::memory_order_relaxed);
  ForEachShard([&stats](const ShardStats& shard) { stats.shards.push_back(shard); });
  return stats;
}

void BufferCore::ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const {
  registry_.ForEach([this, &visit](ShardBuffer& shard) { visit(StatsOf(shard)); });
}

// ---- What follows a decision ------------------------------------------------------------------

void BufferCore::Finish(ShardBuffer& shard, Effects* effects,
                        absl::FunctionRef<std::string()> make_cause) {
  // Other threads rely on this thread to ring, so it does so before it runs other foreign code.
  InboxCore::Ring(effects->bells);
  while (!effects->threads.empty()) effects->threads.PopFront()->Complete();
  if (effects->wake_poller) WakePoller();
  if (effects->transitions) DeliverTransitions(shard);
  if (effects->has_log()) LogEffects(logger_, options_, shard, *effects, make_cause);
}

void BufferCore::DeliverTransitions(ShardBuffer& shard) noexcept {
  const TransitionFeed::Delivery delivery(transition_feed_);
  StateChange change;
  const auto next = [&shard, &change] {
    const MutexLock lock(shard.mutex());
    return shard.NextTransition(&change);
  };
  while (next()) {
    options_.on_transition(Transition{ShardHandle(&shard), shard.keyspace(), shard.shard(),
                                      change.from, change.to, change.why, change.held, change.epoch,
                                      time_.ToTime(change.when)});
  }
}

void BufferCore::WakePoller() noexcept {
  if (service_thread_ != nullptr) {
    service_thread_->Wake();
  } else if (options_.wakeup) {
    options_.wakeup();
  }
  dispatcher_.WakeupDone();
}

// ---- Poll -------------------------------------------------------------------------------------

absl::Duration BufferCore::Poll() {
  if (!manual() || transition_feed_.IsInside()) return absl::InfiniteDuration();
  PollTurn turn;
  {
    // A callback may make another thread destroy the Buffer.
    const Lifecycle::Caller caller(lifecycle_);
    if (poll_watch_.watches()) poll_watch_.NotePoll(time_.Now());
    turn = dispatcher_.Poll(PollMode::kOneTurn);
  }
  if (!turn.last) return turn.idle_for;
  DestroyAfterLastTurn();
  // The Buffer is gone, so nothing will ever be due.
  return absl::InfiniteDuration();
}

void BufferCore::WarnIfUnpolled(ShardBuffer& shard, Instant now) {
  Instant held_since = kNever;
  {
    const MutexLock lock(shard.mutex());
    held_since = shard.HeldSince();
  }
  if (poll_watch_.MustWarn(held_since, now)) LogUnpolled(logger_, shard);
}

absl::Duration BufferCore::PollOnServiceThread() {
  const PollTurn turn = dispatcher_.Poll(PollMode::kOneTurn);
  if (turn.last) DestroyAfterLastTurn();
  return turn.idle_for;
}

void BufferCore::OnTimer(ShardBuffer& shard, Instant now) {
  ShardChange change(*this, shard, {"timer:before-lock", "timer:after-lock"});
  change.effects()->timer_fired = true;
  shard.OnTimer(now, change.effects());
}

}  // namespace failover::internal
