#include "compare.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace failover::simulation {

namespace {

// A Differences object collects the fields in which two copies differ.
class Differences {
 public:
  void Compare(const char* name, std::uint64_t expected, std::uint64_t actual) {
    if (expected != actual) Add(name, absl::StrCat(expected), absl::StrCat(actual));
  }
  void Compare(const char* name, absl::Duration expected, absl::Duration actual) {
    if (expected == actual) return;
    Add(name, absl::FormatDuration(expected), absl::FormatDuration(actual));
  }
  void Compare(const char* name, const std::string& expected, const std::string& actual) {
    if (expected != actual) Add(name, expected, actual);
  }
  template <typename Reason, std::size_t kSize>
  void CompareEach(const char* name, const std::array<std::uint64_t, kSize>& expected,
                   const std::array<std::uint64_t, kSize>& actual) {
    for (std::size_t i = 0; i < kSize; ++i) {
      if (expected[i] == actual[i]) continue;
      const std::string reason(ToString(static_cast<Reason>(i)));
      Add(absl::StrCat(name, "[", reason, "]"), absl::StrCat(expected[i]), absl::StrCat(actual[i]));
    }
  }

  const std::string& text() const { return text_; }

 private:
  void Add(const std::string& name, const std::string& expected, const std::string& actual) {
    absl::StrAppend(&text_, text_.empty() ? "" : "; ", name, " is ", actual, " and should be ",
                    expected);
  }

  std::string text_;
};

}  // namespace

std::string Difference(const ShardStats& expected, const ShardStats& actual) {
  Differences found;
  found.Compare("keyspace", expected.keyspace, actual.keyspace);
  found.Compare("shard", expected.shard, actual.shard);
  found.Compare("state", std::string(ToString(expected.state)),
                std::string(ToString(actual.state)));
  found.Compare("starts", expected.starts, actual.starts);
  found.CompareEach<StopReason>("stops", expected.stops, actual.stops);
  found.Compare("failover_duration_sum", expected.failover_duration_sum,
                actual.failover_duration_sum);
  found.Compare("last_failover_duration", expected.last_failover_duration,
                actual.last_failover_duration);
  found.Compare("utilization_sum", expected.utilization_sum, actual.utilization_sum);
  found.Compare("utilization_dry_run_sum", expected.utilization_dry_run_sum,
                actual.utilization_dry_run_sum);
  found.Compare("last_requests_in_flight_max", expected.last_requests_in_flight_max,
                actual.last_requests_in_flight_max);
  found.Compare("last_requests_dry_run_max", expected.last_requests_dry_run_max,
                actual.last_requests_dry_run_max);
  found.Compare("requests_buffered", expected.requests_buffered, actual.requests_buffered);
  found.Compare("requests_buffered_dry_run", expected.requests_buffered_dry_run,
                actual.requests_buffered_dry_run);
  found.Compare("requests_drained", expected.requests_drained, actual.requests_drained);
  found.CompareEach<EvictedReason>("requests_evicted", expected.requests_evicted,
                                   actual.requests_evicted);
  found.CompareEach<SkippedReason>("requests_skipped", expected.requests_skipped,
                                   actual.requests_skipped);
  found.Compare("requests_held", expected.requests_held, actual.requests_held);
  found.Compare("requests_retrying", expected.requests_retrying, actual.requests_retrying);
  found.Compare("retries_succeeded", expected.retries_succeeded, actual.retries_succeeded);
  found.Compare("retries_failed", expected.retries_failed, actual.retries_failed);
  found.Compare("retries_overdue", expected.retries_overdue, actual.retries_overdue);
  found.Compare("requests_held_again", expected.requests_held_again, actual.requests_held_again);
  found.Compare("requests_slipped_past", expected.requests_slipped_past,
                actual.requests_slipped_past);
  found.Compare("last_code_slipped_past",
                static_cast<std::uint64_t>(expected.last_code_slipped_past),
                static_cast<std::uint64_t>(actual.last_code_slipped_past));
  found.Compare("reports_late", expected.reports_late, actual.reports_late);
  if (found.text().empty()) return "";
  return absl::StrCat(expected.keyspace, "/", expected.shard, ": ", found.text());
}

std::string Difference(const BufferStats& expected, const BufferStats& actual) {
  Differences found;
  found.Compare("size", expected.size, actual.size);
  found.Compare("slots_free", expected.slots_free, actual.slots_free);
  found.Compare("bytes_held", expected.bytes_held, actual.bytes_held);
  found.Compare("has a budget", expected.budget.has_value(), actual.budget.has_value());
  if (expected.budget.has_value() && actual.budget.has_value()) {
    const BudgetStats& should = *expected.budget;
    const BudgetStats& is = *actual.budget;
    found.Compare("size of the budget", should.size, is.size);
    found.Compare("slots_free of the budget", should.slots_free, is.slots_free);
    found.Compare("bytes_held of the budget", should.bytes_held, is.bytes_held);
    found.Compare("max_retries of the budget", should.max_retries, is.max_retries);
    found.Compare("retries of the budget", should.retries, is.retries);
  }
  found.Compare("requests_skipped_too_many_shards", expected.requests_skipped_too_many_shards,
                actual.requests_skipped_too_many_shards);
  found.Compare("the number of shards", expected.shards.size(), actual.shards.size());
  std::string text = found.text();
  for (std::size_t i = 0; i < expected.shards.size() && i < actual.shards.size(); ++i) {
    const std::string shard = Difference(expected.shards[i], actual.shards[i]);
    if (!shard.empty()) absl::StrAppend(&text, text.empty() ? "" : "; ", shard);
  }
  return text;
}

std::string WrongHistogram(const ShardStats& stats) {
  Differences found;
  const auto& held = stats.held_durations;
  const auto& evicted = stats.requests_evicted;
  std::uint64_t stops = 0;
  for (const std::uint64_t count : stats.stops) stops += count;
  found.Compare("failover_durations", stops, stats.failover_durations.Count());
  found.Compare("held, drained", stats.requests_drained, held[WayOut::kDrained].Count());
  found.Compare("held, buffer full", evicted[EvictedReason::kBufferFull],
                held[WayOut::kBufferFull].Count());
  found.Compare("held, window exceeded", evicted[EvictedReason::kWindowExceeded],
                held[WayOut::kWindowExceeded].Count());
  found.Compare("held, context done", evicted[EvictedReason::kContextDone],
                held[WayOut::kContextDone].Count());
  // The sum of doubles is not exact.
  const double sum = absl::ToDoubleSeconds(stats.failover_duration_sum);
  const bool is_near = std::abs(stats.failover_durations.sum_seconds - sum) <= 1e-6 * (1 + sum);
  found.Compare("the sum of failover_durations is near", 1, is_near ? 1 : 0);
  if (found.text().empty()) return "";
  return absl::StrCat(stats.keyspace, "/", stats.shard, ": ", found.text());
}

}  // namespace failover::simulation
