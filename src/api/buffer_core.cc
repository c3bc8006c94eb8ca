#include "api/buffer_core.h"

#include <cassert>
#include <utility>

#include "api/failover_log.h"
#include "api/shard_change.h"
#include "base/sync_point.h"
#include "shard/shared_limits.h"

namespace failover::internal {
BufferCore::BufferCore(const BufferOptions& options, KeyspaceShards keyspace_shards)
    : fixed_{options.threading,     options.clock, options.wakeup, options.caused_by_failover,
             options.on_transition, options.log,   options.budget},
      logger_(options.log),
      time_(options.clock),
      settings_{Settings{WithoutFunctions(options), std::move(keyspace_shards)}, Settings()},
      pool_(options.size, options.max_bytes,
            options.budget != nullptr ? &SharedLimitsOf(*options.budget).slots : nullptr),
      unstamped_report_delay_(ToNanoseconds(options.unstamped_report_delay)),
      shard_context_{*this,
                     pool_,
                     {TermsOf(options), TermsOf(options)},
                     static_cast<bool>(options.on_transition),
                     options.budget != nullptr ? &SharedLimitsOf(*options.budget).turns : nullptr},
      registry_(static_cast<std::size_t>(options.max_shards)),
      dispatcher_(*this),
      poll_watch_(manual() && !options.wakeup),
      lifecycle_(*this) {
  LogStartup(logger_, options);
  StartThreadIfNeeded(options);
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
    known = registry_.FindOrMake(
        keyspace, shard,
        [&] { return settings_[in_force_].ModeOf(keyspace, shard) == Mode::kDisabled; },
        [this](std::size_t count) { dispatcher_.ReserveTimers(count); },
        [this](std::string_view keyspace_name, std::string_view shard_name,
               const DisabledLane& lane) { return MakeShard(keyspace_name, shard_name, lane); });
  }
  if (known == nullptr && registry_.full()) {
    refused_shards_.fetch_add(1, std::memory_order_relaxed);
  }
  return known;
}

std::unique_ptr<ShardBuffer> BufferCore::MakeShard(std::string_view keyspace,
                                                   std::string_view shard,
                                                   const DisabledLane& lane) {
  const std::uint8_t index = in_force_;
  return std::make_unique<ShardBuffer>(shard_context_, keyspace, shard,
                                       settings_[index].ModeOf(keyspace, shard), lane, index);
}

BufferStats BufferCore::Stats() const {
  BufferStats stats;
  stats.size = static_cast<std::uint64_t>(pool_.size());
  stats.slots_free = static_cast<std::uint64_t>(pool_.free_slots());
  stats.bytes_held = pool_.bytes_held();
  if (fixed_.budget != nullptr) stats.budget = fixed_.budget->Stats();
  stats.requests_skipped_too_many_shards = refused_shards_.load(std::memory_order_relaxed);
  ForEachShard([&stats](const ShardStats& shard) { stats.shards.push_back(shard); });
  return stats;
}

void BufferCore::ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const {
  registry_.ForEach([this, &visit](ShardBuffer& shard) { visit(StatsOf(shard)); });
}

// ---- What follows a decision ------------------------------------------------------------------

void BufferCore::Finish(ShardBuffer& shard, Effects* effects,
                        const std::optional<ShardTerms>& terms,
                        absl::FunctionRef<std::string()> make_cause) {
  // Other threads rely on this thread to ring, so it does so before it runs other foreign code.
  InboxCore::Ring(effects->bells);
  while (!effects->threads.empty()) effects->threads.PopFront()->Complete();
  if (effects->wake_poller) WakePoller();
  if (effects->transitions) DeliverTransitions(shard);
  if (terms.has_value()) LogEffects(logger_, *terms, shard, *effects, make_cause);
}

void BufferCore::DeliverTransitions(ShardBuffer& shard) noexcept {
  const TransitionFeed::Delivery delivery(transition_feed_);
  StateChange change;
  const auto next = [&shard, &change] {
    const MutexLock lock(shard.mutex());
    return shard.NextTransition(&change);
  };
  while (next()) {
    fixed_.on_transition(Transition{ShardHandle(&shard), shard.keyspace(), shard.shard(),
                                    change.from, change.to, change.why, change.held, change.epoch,
                                    time_.ToTime(change.when)});
  }
}

void BufferCore::WakePoller() noexcept {
  if (ServiceThread* const thread = service_thread_) {
    thread->Wake();
  } else if (fixed_.wakeup) {
    fixed_.wakeup();
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
    GoOnWithShutdown(&turn);
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
  PollTurn turn = dispatcher_.Poll(PollMode::kOneTurn);
  GoOnWithShutdown(&turn);
  if (turn.last) DestroyAfterLastTurn();
  return turn.idle_for;
}

void BufferCore::OnTimer(ShardBuffer& shard, Instant now) {
  ShardChange change(*this, shard, {"timer:before-lock", "timer:after-lock"});
  change.effects()->timer_fired = true;
  shard.OnTimer(now, change.effects());
}

}  // namespace failover::internal
