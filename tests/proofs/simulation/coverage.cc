#include "coverage.h"

#include "absl/strings/str_cat.h"

namespace failover::simulation {

namespace {

template <std::size_t kSize>
void AddEach(std::array<std::uint64_t, kSize>& to, const std::array<std::uint64_t, kSize>& from) {
  for (std::size_t i = 0; i < kSize; ++i) to[i] += from[i];
}

template <typename Reason, std::size_t kSize>
void NameEach(const char* name, const std::array<std::uint64_t, kSize>& counts,
              std::vector<std::pair<std::string, std::uint64_t>>& named) {
  for (std::size_t i = 0; i < kSize; ++i) {
    named.emplace_back(absl::StrCat(name, std::string(ToString(static_cast<Reason>(i)))),
                       counts[i]);
  }
}

}  // namespace

void Coverage::Add(const BufferStats& stats) {
  for (const ShardStats& shard : stats.shards) {
    starts += shard.starts;
    AddEach(stops, shard.stops);
    held += shard.requests_buffered;
    drained += shard.requests_drained;
    counted_in_dry_run += shard.requests_buffered_dry_run;
    AddEach(evicted, shard.requests_evicted);
    AddEach(skipped, shard.requests_skipped);
    retries_succeeded += shard.retries_succeeded;
    retries_failed += shard.retries_failed;
    retries_overdue += shard.retries_overdue;
    held_again += shard.requests_held_again;
    slipped_past += shard.requests_slipped_past;
    reports_late += shard.reports_late;
  }
  too_many_shards += stats.requests_skipped_too_many_shards;
}

void Coverage::Add(const Coverage& other) {
  starts += other.starts;
  AddEach(stops, other.stops);
  held += other.held;
  drained += other.drained;
  counted_in_dry_run += other.counted_in_dry_run;
  AddEach(evicted, other.evicted);
  AddEach(skipped, other.skipped);
  retries_succeeded += other.retries_succeeded;
  retries_failed += other.retries_failed;
  retries_overdue += other.retries_overdue;
  held_again += other.held_again;
  slipped_past += other.slipped_past;
  reports_late += other.reports_late;
  too_many_shards += other.too_many_shards;
  held_callbacks += other.held_callbacks;
  held_threads += other.held_threads;
  held_coroutines += other.held_coroutines;
  calls_in_callbacks += other.calls_in_callbacks;
  switchovers += other.switchovers;
  committed += other.committed;
  quiet += other.quiet;
  begun_shutdowns += other.begun_shutdowns;
  reconfigured += other.reconfigured;
  reconfigured_while_holding += other.reconfigured_while_holding;
  budget_full += other.budget_full;
  asks_for_a_turn += other.asks_for_a_turn;
  cancelled_after_release += other.cancelled_after_release;
}

std::vector<std::pair<std::string, std::uint64_t>> Coverage::Named() const {
  std::vector<std::pair<std::string, std::uint64_t>> named = {
      {"failovers begun", starts},
      {"held", held},
      {"drained", drained},
      {"counted in a dry run", counted_in_dry_run},
      {"retries succeeded", retries_succeeded},
      {"retries failed", retries_failed},
      {"retries overdue", retries_overdue},
      {"held again", held_again},
      {"errors slipped past", slipped_past},
      {"late reports", reports_late},
      {"too many shards", too_many_shards},
      {"held with a callback", held_callbacks},
      {"held in a thread", held_threads},
      {"held in a coroutine", held_coroutines},
      {"calls in callbacks", calls_in_callbacks},
      {"switchovers begun", switchovers},
      {"switchovers committed", committed},
      {"steps with a quiet switchover", quiet},
      {"shutdowns begun", begun_shutdowns},
      {"other options", reconfigured},
      {"other options while requests were held", reconfigured_while_holding},
      {"steps with a full budget", budget_full},
      {"steps with a drain that asks the budget again", asks_for_a_turn},
      {"cancelled after their release", cancelled_after_release},
  };
  NameEach<StopReason>("stopped by ", stops, named);
  NameEach<EvictedReason>("evicted by ", evicted, named);
  NameEach<SkippedReason>("skipped by ", skipped, named);
  return named;
}

}  // namespace failover::simulation
