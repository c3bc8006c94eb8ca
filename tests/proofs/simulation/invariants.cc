#include "invariants.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace failover::simulation {

namespace {

template <std::size_t kSize>
std::uint64_t Sum(const std::array<std::uint64_t, kSize>& counters) {
  return std::accumulate(counters.begin(), counters.end(), std::uint64_t{0});
}

template <std::size_t kSize>
bool Grew(const std::array<std::uint64_t, kSize>& before,
          const std::array<std::uint64_t, kSize>& now) {
  return std::equal(before.begin(), before.end(), now.begin(),
                    [](std::uint64_t a, std::uint64_t b) { return a <= b; });
}

}  // namespace

Invariants::Invariants(const Config& config, std::function<void(std::string)> fail)
    : config_(config), fail_(std::move(fail)) {}

void Invariants::Held(const Step& step, bool again, absl::Time now, absl::Duration window) {
  if (shutdown_returned_) fail_(absl::StrCat("#", step.id, " is held after Shutdown returned"));
  Request request;
  request.step = step;
  request.window_end = now + window;
  // A deadline that is later than the end of the window never counts.
  request.deadline = std::min(now + TimeoutOf(step), request.window_end);
  request.polls = polls_;
  if (again) {
    // The request has its old place and what is left of its window.
    Request& before = requests_[step.previous];
    request.window_end = before.window_end;
    request.deadline = std::min({now + TimeoutOf(step), before.deadline, before.window_end});
    before.phase = Phase::kOver;
  }
  requests_[step.id] = request;
  arrival_[step.id] = again ? arrival_[step.previous] : ++arrivals_[step.name];
}

void Invariants::Ended(std::uint32_t id, const Ending& ending, absl::Time now) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return fail_(absl::StrCat("#", id, " ended but was not held"));
  Request& request = it->second;
  if (request.phase != Phase::kHeld) {
    return fail_(absl::StrCat("#", id, " ended twice, or after its cancel had won"));
  }
  if (shutdown_returned_ && request.step.face != Face::kBlocking) {
    fail_(absl::StrCat("the callback of #", id, " ran after Shutdown returned"));
  }
  if (ending.error == BufferErrorReason::kTimeout && now < request.deadline) {
    fail_(absl::StrCat("#", id, " timed out too early"));
  }
  const bool alone = !ending.error.has_value() && !ending.released_by.has_value();
  if (alone && now < request.window_end && !request.step.may_probe) {
    fail_(absl::StrCat("#", id, " was released by its window too early"));
  }
  CheckOrder(request, ending, now);
  request.phase = ending.error.has_value() ? Phase::kOver : Phase::kRetrying;
  // A hold that began since the Poll before may have made the release one of an earlier drain, and
  // other options since then one of a drain with other limits.
  const auto began = began_.find(request.step.name);
  const bool same_limits = !changed_.has_value() || *changed_ < polls_;
  const bool same_drain = same_limits && (began == began_.end() || began->second < polls_);
  request.in_drain = ending.released_by.has_value() && same_drain;
  // The request was released since the Poll before.
  request.let_go_at = polled_at_;
}

// Nobody overtakes: whoever came earlier has left the queue before. A probe may overtake, and so
// may a request that ends with an error of its own, or whose window ends earlier. Callbacks run in
// the Poll after the release, so a request that was held since the last Poll may have come, or come
// back, after the release.
void Invariants::CheckOrder(const Request& request, const Ending& ending, absl::Time now) {
  if (request.step.face == Face::kBlocking) return;
  if (ending.error.has_value() && ending.error != BufferErrorReason::kEvicted) return;
  const bool alone = !ending.error.has_value() && !ending.released_by.has_value();
  // The clock may move between the release of a probe and its callback.
  if (alone && (now < request.window_end || request.step.may_probe)) return;
  for (const auto& [id, other] : requests_) {
    if (other.step.name != request.step.name || other.phase != Phase::kHeld) continue;
    if (other.step.face == Face::kBlocking || other.polls == polls_) continue;
    // The request came with a shorter window, after a change of the options.
    if (alone && request.window_end < other.window_end) continue;
    if (arrival_[id] < arrival_[request.step.id]) {
      fail_(absl::StrCat("#", request.step.id, " was let go before #", id,
                         ", which came earlier, by ",
                         ending.released_by.has_value() ? std::string(ToString(*ending.released_by))
                                                        : "its window or an eviction"));
    }
  }
}

// Retries of an earlier drain count no more. Shutdown releases all requests at once, beyond the
// limit of a drain.
void Invariants::CheckDrains(const BufferStats& stats, absl::Time now) {
  if (shutdown_began_) return;
  std::set<std::size_t> retrying;
  for (const auto& [id, request] : requests_) {
    if (request.phase == Phase::kRetrying && request.in_drain) retrying.insert(request.step.name);
  }
  for (const auto& [name, arrivals] : arrivals_) {
    const ShardName& text = NameOf(name);
    for (const ShardStats& shard : stats.shards) {
      if (shard.keyspace != text.keyspace || shard.shard != text.shard) continue;
      if (std::exchange(starts_[name], shard.starts) == shard.starts) continue;
      began_[name] = polls_;
      ForgetDrain(name);
    }
  }
  for (const std::size_t name : retrying) CheckDrain(name, now);
}

void Invariants::ForgetDrain(std::size_t name) {
  for (auto& [id, request] : requests_) {
    if (request.step.name == name) request.in_drain = false;
  }
}

void Invariants::CheckDrain(std::size_t name, absl::Time now) {
  const absl::Duration most_time = absl::Nanoseconds(
      config_.max_retry_ns != 0 ? config_.max_retry_ns : config_.max_failover_duration_ns);
  std::int64_t retries = 0;
  for (const auto& [id, request] : requests_) {
    const bool counts = request.step.name == name && request.phase == Phase::kRetrying &&
                        request.in_drain && now - request.let_go_at < most_time &&
                        now < request.deadline;
    if (counts) ++retries;
  }
  if (retries > std::max(config_.drain_concurrency, config_.drain_concurrency_max)) {
    fail_(absl::StrCat(retries, " retries at once in the drain of one shard"));
  }
}

void Invariants::CancelWon(std::uint32_t id) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.phase == Phase::kRetrying ||
      it->second.phase == Phase::kOver) {
    return fail_(absl::StrCat("the cancel of #", id, " won, but its wait had ended"));
  }
  it->second.phase = Phase::kCancelled;
}

void Invariants::RetryEnded(std::uint32_t id) {
  const auto it = requests_.find(id);
  if (it != requests_.end() && it->second.phase == Phase::kRetrying) {
    it->second.phase = Phase::kOver;
  }
}

void Invariants::Polled(absl::Time now) {
  ++polls_;
  polled_at_ = now;
  for (const auto& [id, request] : requests_) {
    if (request.phase == Phase::kHeld && request.deadline <= now) {
      fail_(absl::StrCat("#", id, " is held past its window or its deadline"));
    }
  }
}

void Invariants::Reconfigured(const Config& next) {
  config_ = next;
  limits_changed_ = true;
  changed_ = polls_;
  // Retries of before may be more than what a drain may let go now.
  for (auto& [id, request] : requests_) request.in_drain = false;
}

void Invariants::ShutdownBegins() { shutdown_began_ = true; }

void Invariants::ShutdownReturned() {
  shutdown_returned_ = true;
  for (const auto& [id, request] : requests_) {
    if (request.phase == Phase::kHeld) fail_(absl::StrCat("#", id, " is held for ever"));
  }
}

void Invariants::Check(const BufferStats& stats, const std::set<std::size_t>* names,
                       absl::Time now) {
  CheckLaws(stats);
  CheckDrains(stats, now);
  if (before_.has_value()) {
    if (names != nullptr) CheckOthers(stats, *names);
    const std::size_t known = std::min(before_->shards.size(), stats.shards.size());
    for (std::size_t i = 0; i < known; ++i) CheckGrowth(before_->shards[i], stats.shards[i]);
  }
  before_ = stats;
  limits_changed_ = false;
}

void Invariants::CheckLaws(const BufferStats& stats) {
  std::uint64_t slots = stats.slots_free;
  for (const ShardStats& shard : stats.shards) {
    slots += shard.requests_held + shard.requests_retrying;
    const std::uint64_t gone =
        shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held;
    if (shard.requests_buffered != gone) {
      fail_(absl::StrCat(shard.keyspace, "/", shard.shard, ": buffered ", shard.requests_buffered,
                         ", but drained + evicted + held is ", gone));
    }
    const std::uint64_t running = shard.state == State::kBuffering ? 1 : 0;
    if (shard.starts != Sum(shard.stops) + running) {
      fail_(absl::StrCat(shard.keyspace, "/", shard.shard, ": starts and stops do not match"));
    }
    if (shard.requests_held_again > shard.requests_buffered) {
      fail_(absl::StrCat(shard.keyspace, "/", shard.shard, ": more held again than held"));
    }
    if (config_.max_per_shard != 0) {
      const std::uint64_t own = shard.requests_held + shard.requests_retrying;
      const std::uint64_t most =
          std::max(static_cast<std::uint64_t>(config_.max_per_shard), SlotsBefore(shard));
      if (own > most && !limits_changed_) {
        fail_(absl::StrCat(shard.keyspace, "/", shard.shard, " has ", own, " slots"));
      }
    }
    if (shard.state == State::kIdle && shard.requests_held != 0) {
      fail_(absl::StrCat(shard.keyspace, "/", shard.shard, " is idle but holds requests"));
    }
  }
  // What was held before the size became smaller stays, and nothing is added.
  std::uint64_t before = 0;
  std::uint64_t bytes_before = 0;
  if (before_.has_value()) {
    for (const ShardStats& shard : before_->shards) before += SlotsBefore(shard);
    bytes_before = before_->bytes_held;
  }
  const bool above =
      slots > stats.size && stats.slots_free == 0 && (slots <= before || limits_changed_);
  if (slots != stats.size && !above) {
    fail_(absl::StrCat("slots free + held + retrying is ", slots, ", size is ", stats.size));
  }
  if (config_.max_bytes != 0 && !limits_changed_ &&
      stats.bytes_held > std::max(config_.max_bytes, bytes_before)) {
    fail_(absl::StrCat(stats.bytes_held, " bytes held, of at most ", config_.max_bytes));
  }
}

std::uint64_t Invariants::SlotsBefore(const ShardStats& shard) const {
  if (!before_.has_value()) return 0;
  for (const ShardStats& before : before_->shards) {
    if (before.keyspace != shard.keyspace || before.shard != shard.shard) continue;
    return before.requests_held + before.requests_retrying;
  }
  return 0;
}

void Invariants::CheckOthers(const BufferStats& stats, const std::set<std::size_t>& names) {
  const auto meant = [&names](const ShardStats& shard) {
    return std::any_of(names.begin(), names.end(), [&shard](std::size_t name) {
      return NameOf(name).keyspace == shard.keyspace && NameOf(name).shard == shard.shard;
    });
  };
  for (std::size_t i = 0; i < before_->shards.size() && i < stats.shards.size(); ++i) {
    const ShardStats& before = before_->shards[i];
    const ShardStats& now = stats.shards[i];
    if (meant(now)) continue;
    if (before.stops != now.stops || before.state != now.state ||
        before.requests_held != now.requests_held) {
      fail_(absl::StrCat(now.keyspace, "/", now.shard, " was changed by another shard's event"));
    }
  }
}

void Invariants::CheckGrowth(const ShardStats& before, const ShardStats& now) {
  const bool grew = before.starts <= now.starts && Grew(before.stops, now.stops) &&
                    before.failover_duration_sum <= now.failover_duration_sum &&
                    before.utilization_sum <= now.utilization_sum &&
                    before.utilization_dry_run_sum <= now.utilization_dry_run_sum &&
                    before.requests_buffered <= now.requests_buffered &&
                    before.requests_buffered_dry_run <= now.requests_buffered_dry_run &&
                    before.requests_drained <= now.requests_drained &&
                    Grew(before.requests_evicted, now.requests_evicted) &&
                    Grew(before.requests_skipped, now.requests_skipped) &&
                    before.retries_succeeded <= now.retries_succeeded &&
                    before.retries_failed <= now.retries_failed &&
                    before.retries_overdue <= now.retries_overdue &&
                    before.requests_held_again <= now.requests_held_again &&
                    before.requests_slipped_past <= now.requests_slipped_past &&
                    before.reports_late <= now.reports_late;
  if (!grew) fail_(absl::StrCat(now.keyspace, "/", now.shard, ": a counter went down"));
}

}  // namespace failover::simulation
