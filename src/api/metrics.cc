// The table of all metrics.
#include "failover/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "failover/buffer.h"

namespace failover {
namespace {

// Hands the metrics of one family to a visitor.
class Family {
 public:
  Family(const Metric& kind, const ShardStats* shard, absl::Time now,
         absl::FunctionRef<void(const Metric&)> visit)
      : metric_(kind), now_(now), visit_(visit) {
    if (shard == nullptr) return;
    labels_[0] = {"keyspace", shard->keyspace};
    labels_[1] = {"shard", shard->shard};
    count_ = 2;
  }

  void Add(double value) {
    metric_.value = value;
    Visit(count_);
  }
  void Add(std::uint64_t value) { Add(static_cast<double>(value)); }
  void Add(absl::Duration value) { Add(absl::ToDoubleSeconds(value)); }
  void Add(const DurationHistogram& histogram) {
    metric_.histogram = &histogram;
    Visit(count_);
  }

  void AddLeft(const HoldBudgetStats& budget) { Add(budget.LeftAt(now_)); }
  // A request may have come, or a report, after `now` was read.
  void AddAge(absl::Time since) { Add(std::max(now_ - since, absl::ZeroDuration())); }

  // One metric for each value of an enum.
  template <typename Enum, std::size_t kSize, typename T>
  void AddEach(std::string_view label, const EnumArray<Enum, kSize, T>& values) {
    for (std::size_t i = 0; i < kSize; ++i) {
      labels_[count_++] = {label, ToString(static_cast<Enum>(i))};
      Add(values[i]);
      --count_;
    }
  }

 private:
  void Visit(std::size_t count) {
    metric_.labels = absl::MakeConstSpan(labels_, count);
    visit_(metric_);
  }

  Metric metric_;
  MetricLabel labels_[3];
  std::size_t count_ = 0;
  const absl::Time now_;
  const absl::FunctionRef<void(const Metric&)> visit_;
};

template <typename Stats>
struct Row {
  std::string_view name;
  MetricType type;
  std::string_view unit;
  std::string_view help;
  void (*add)(const Stats& stats, Family& family);
};

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricType kHistogram = MetricType::kHistogram;

constexpr Row<BufferStats> kBufferRows[] = {
    {"failover_buffer_slots", kGauge, "", "Requests that may be held or retried at once.",
     [](const BufferStats& s, Family& f) { f.Add(s.size); }},
    {"failover_buffer_slots_free", kGauge, "", "Slots of no held request and of no retry.",
     [](const BufferStats& s, Family& f) { f.Add(s.slots_free); }},
    {"failover_buffer_held_bytes", kGauge, "bytes", "Memory that the held requests pin.",
     [](const BufferStats& s, Family& f) { f.Add(s.bytes_held); }},
    {"failover_shared_budget_slots", kGauge, "",
     "Requests that the Buffers with this budget may hold or retry at once. Missing without one.",
     [](const BufferStats& s, Family& f) {
       if (s.budget.has_value()) f.Add(s.budget->size);
     }},
    {"failover_shared_budget_slots_free", kGauge, "",
     "Those of these slots that no Buffer has taken. Missing without a budget.",
     [](const BufferStats& s, Family& f) {
       if (s.budget.has_value()) f.Add(s.budget->slots_free);
     }},
    {"failover_shared_budget_held_bytes", kGauge, "bytes",
     "Memory that the held requests of these Buffers pin. Missing without a budget.",
     [](const BufferStats& s, Family& f) {
       if (s.budget.has_value()) f.Add(s.budget->bytes_held);
     }},
    {"failover_shared_budget_retries", kGauge, "",
     "Retries of these Buffers that count against the budget. Missing without one.",
     [](const BufferStats& s, Family& f) {
       if (s.budget.has_value()) f.Add(s.budget->retries);
     }},
    {"failover_requests_skipped_too_many_shards_total", kCounter, "",
     "Look-ups of unknown shards beyond max_shards, whose requests passed.",
     [](const BufferStats& s, Family& f) { f.Add(s.requests_skipped_too_many_shards); }},
};

constexpr Row<ShardStats> kShardRows[] = {
    {"failover_shard_state", kGauge, "", "1 for the state that the shard is in, 0 for the others.",
     [](const ShardStats& s, Family& f) {
       EnumArray<State, 3> states{};
       states[s.state] = 1;
       f.AddEach("state", states);
     }},
    {"failover_starts_total", kCounter, "", "Failovers that began.",
     [](const ShardStats& s, Family& f) { f.Add(s.starts); }},
    {"failover_stops_total", kCounter, "", "Failovers that ended, by reason.",
     [](const ShardStats& s, Family& f) { f.AddEach("reason", s.stops); }},
    {"failover_duration_seconds", kHistogram, "seconds",
     "How long failovers took, from the first held request to the release.",
     [](const ShardStats& s, Family& f) { f.Add(s.failover_durations); }},
    {"failover_last_duration_seconds", kGauge, "seconds", "How long the last failover took.",
     [](const ShardStats& s, Family& f) { f.Add(s.last_failover_duration); }},
    {"failover_peak_utilization_ratio_total", kCounter, "ratio",
     "Peak share of the slots that the shard held, added up over its failovers.",
     [](const ShardStats& s, Family& f) { f.Add(static_cast<double>(s.utilization_sum) / 100); }},
    {"failover_peak_utilization_dry_run_ratio_total", kCounter, "ratio",
     "The same for requests that would have been held.",
     [](const ShardStats& s, Family& f) {
       f.Add(static_cast<double>(s.utilization_dry_run_sum) / 100);
     }},
    {"failover_last_requests_held_peak", kGauge, "",
     "Most requests held at once in the current or last failover.",
     [](const ShardStats& s, Family& f) { f.Add(s.last_requests_in_flight_max); }},
    {"failover_last_requests_dry_run_peak", kGauge, "",
     "Requests that would have been held in the current or last failover.",
     [](const ShardStats& s, Family& f) { f.Add(s.last_requests_dry_run_max); }},
    {"failover_requests_buffered_total", kCounter, "", "Requests that were held.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_buffered); }},
    {"failover_requests_buffered_dry_run_total", kCounter, "",
     "Requests that would have been held.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_buffered_dry_run); }},
    {"failover_requests_held_again_total", kCounter, "",
     "Requests that came back after a refused retry and were held again.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_held_again); }},
    {"failover_requests_drained_total", kCounter, "",
     "Requests released because the failover ended, or let go as a probe.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_drained); }},
    {"failover_requests_evicted_total", kCounter, "",
     "Requests that left the queue before the failover ended, by reason. After WindowExceeded they "
     "are tried once more.",
     [](const ShardStats& s, Family& f) { f.AddEach("reason", s.requests_evicted); }},
    {"failover_requests_skipped_total", kCounter, "",
     "Waits that held nothing although there was cause, by reason. A request counts each time "
     "that it asks.",
     [](const ShardStats& s, Family& f) { f.AddEach("reason", s.requests_skipped); }},
    {"failover_requests_held", kGauge, "", "Requests that wait now.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_held); }},
    {"failover_oldest_request_held_seconds", kGauge, "seconds",
     "For how long the request that came first has been held, 0 if none is.",
     [](const ShardStats& s, Family& f) {
       f.AddAge(s.oldest_held_since.value_or(absl::InfiniteFuture()));
     }},
    {"failover_request_held_seconds", kHistogram, "seconds",
     "How long requests had been held when they left the queue, by way out.",
     [](const ShardStats& s, Family& f) { f.AddEach("way", s.held_durations); }},
    {"failover_requests_retrying", kGauge, "", "Released requests whose retry has not ended.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_retrying); }},
    {"failover_retries_succeeded_total", kCounter, "", "Retries that were told to have succeeded.",
     [](const ShardStats& s, Family& f) { f.Add(s.retries_succeeded); }},
    {"failover_retries_failed_total", kCounter, "", "Retries that were told to have failed.",
     [](const ShardStats& s, Family& f) { f.Add(s.retries_failed); }},
    {"failover_retries_overdue_total", kCounter, "", "Retries that did not end in time.",
     [](const ShardStats& s, Family& f) { f.Add(s.retries_overdue); }},
    {"failover_requests_slipped_past_total", kCounter, "",
     "Errors that passed in a failover, because the classifier says that none caused them.",
     [](const ShardStats& s, Family& f) { f.Add(s.requests_slipped_past); }},
    {"failover_last_slipped_past_status_code", kGauge, "",
     "The absl::StatusCode of the last such error, 0 if there was none.",
     [](const ShardStats& s, Family& f) { f.Add(static_cast<double>(s.last_code_slipped_past)); }},
    {"failover_reports_late_total", kCounter, "",
     "Health reports that were dropped, because a newer one came before.",
     [](const ShardStats& s, Family& f) { f.Add(s.reports_late); }},
    {"failover_last_report_age_seconds", kGauge, "seconds",
     "Time since the last health report of a primary. Missing if there was none.",
     [](const ShardStats& s, Family& f) {
       if (s.last_report_at.has_value()) f.AddAge(*s.last_report_at);
     }},
    {"failover_hold_budget_left_seconds", kGauge, "seconds",
     "For how long the shard may still be held, now or in a failover that begins now.",
     [](const ShardStats& s, Family& f) { f.AddLeft(s.hold_budget); }},
    {"failover_size_needed", kGauge, "",
     "Slots that the shard alone would have needed: its requests per second in failovers, times "
     "the 99th percentile of their durations. Missing before the first failover.",
     [](const ShardStats& s, Family& f) {
       if (const auto size = SizeNeeded(s)) f.Add(*size);
     }},
};

template <typename Stats>
Metric KindOf(const Row<Stats>& row) {
  Metric metric;
  metric.name = row.name;
  metric.help = row.help;
  metric.type = row.type;
  metric.unit = row.unit;
  return metric;
}

}  // namespace

void ForEachMetric(const Buffer& buffer, absl::FunctionRef<void(const Metric&)> visit) {
  const BufferStats stats = buffer.Stats();
  const absl::Time now = buffer.Now();
  for (const Row<BufferStats>& row : kBufferRows) {
    Family family(KindOf(row), nullptr, now, visit);
    row.add(stats, family);
  }
  for (const Row<ShardStats>& row : kShardRows) {
    const Metric kind = KindOf(row);
    for (const ShardStats& shard : stats.shards) {
      Family family(kind, &shard, now, visit);
      row.add(shard, family);
    }
  }
}

std::optional<std::uint64_t> SizeNeeded(const ShardStats& stats,
                                        std::optional<std::uint64_t> most_at_once) {
  const double seconds = stats.failover_durations.sum_seconds;
  if (seconds <= 0) return std::nullopt;
  // A request that is held again had its slot all the time, and a request that was refused because
  // the Buffer is full would have needed one.
  const std::uint64_t requests = stats.requests_buffered - stats.requests_held_again +
                                 stats.requests_buffered_dry_run +
                                 stats.requests_skipped[SkippedReason::kBufferFull];
  // The ranges of the histogram are wide, but no failover took longer than all of them together.
  const double p99 =
      std::min(absl::ToDoubleSeconds(Quantile(stats.failover_durations, 0.99)), seconds);
  const double needed = std::ceil(static_cast<double>(requests) / seconds * p99);
  return std::min(static_cast<std::uint64_t>(needed),
                  most_at_once.value_or(std::numeric_limits<std::uint64_t>::max()));
}

std::string PrometheusText(const Buffer& buffer) {
  PrometheusWriter writer;
  ForEachMetric(buffer, [&writer](const Metric& metric) { writer.Write(metric); });
  return writer.text();
}

}  // namespace failover
