// These tests cover the metrics of a Buffer: names, values, and that they belong together.
#include "failover/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using testing::HasSubstr;

// All metrics of a Buffer. The key is "name{value,value}", with the values of the labels.
class Metrics {
 public:
  explicit Metrics(const Buffer& buffer) {
    ForEachMetric(buffer, [this](const Metric& metric) { Take(metric); });
  }

  double At(const std::string& key) const {
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second;
    ADD_FAILURE() << "there is no " << key;
    return -1;
  }
  const DurationHistogram& Histogram(const std::string& key) const { return histograms_.at(key); }
  bool Has(const std::string& key) const { return values_.count(key) != 0; }
  std::size_t Count(const std::string& name) const {
    std::size_t count = 0;
    for (const auto& [key, value] : values_) count += key.rfind(name + "{", 0) == 0 ? 1 : 0;
    return count;
  }
  const std::set<std::string>& families() const { return families_; }

 private:
  void Take(const Metric& metric) {
    const std::string name(metric.name);
    if (name != family_) {
      EXPECT_TRUE(families_.insert(name).second) << name << " is not together";
      family_ = name;
    }
    EXPECT_FALSE(metric.help.empty()) << name;
    std::string key = name + "{";
    for (const MetricLabel& label : metric.labels) {
      if (key.back() != '{') key += ",";
      key += std::string(label.value);
    }
    key += "}";
    if (metric.type == MetricType::kHistogram) {
      ASSERT_NE(metric.histogram, nullptr) << name;
      EXPECT_TRUE(histograms_.emplace(key, *metric.histogram).second) << key << " is there twice";
    } else {
      EXPECT_EQ(metric.histogram, nullptr) << name;
      EXPECT_TRUE(values_.emplace(key, metric.value).second) << key << " is there twice";
    }
  }

  std::map<std::string, double> values_;
  std::map<std::string, DurationHistogram> histograms_;
  std::set<std::string> families_;
  std::string family_;
};

class MetricsTest : public BufferTest {};

TEST_F(MetricsTest, EveryCounterIsThereFromTheShardsCreationOn) {
  shard();
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.Count("failover_stops_total"), kStopReasons);
  EXPECT_EQ(metrics.Count("failover_requests_evicted_total"), kEvictedReasons);
  EXPECT_EQ(metrics.Count("failover_requests_skipped_total"), kSkippedReasons);
  EXPECT_EQ(metrics.At("failover_starts_total{ks,0}"), 0);
  EXPECT_EQ(metrics.Histogram("failover_request_held_seconds{ks,0,WindowExceeded}").Count(), 0u);
  EXPECT_EQ(metrics.At("failover_shard_state{ks,0,Idle}"), 1);
  EXPECT_FALSE(metrics.Has("failover_last_report_age_seconds{ks,0}")) << "no report has come";
  EXPECT_FALSE(metrics.Has("failover_size_needed{ks,0}")) << "no failover has ended";
}

TEST_F(MetricsTest, TheBufferIsShownWithoutShards) {
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.At("failover_buffer_slots{}"), 10);
  EXPECT_EQ(metrics.At("failover_buffer_slots_free{}"), 10);
  EXPECT_EQ(metrics.At("failover_buffer_held_bytes{}"), 0);
  EXPECT_EQ(metrics.At("failover_requests_skipped_too_many_shards_total{}"), 0);
  EXPECT_EQ(metrics.families().size(), 4u) << "there is no shard";
}

TEST_F(MetricsTest, TheValuesInAFailover) {
  Report(1, true, 1);
  clock_.Advance(absl::Minutes(2));
  RequestContext context;
  context.bytes = 25;
  AsyncRequest first = Fail(context);
  clock_.Advance(absl::Seconds(2));
  AsyncRequest second = Request(context);
  AsyncRequest cancelled = Request(context);
  EXPECT_TRUE(cancelled.handle().Cancel());
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  {
    const Metrics metrics(buffer());
    EXPECT_EQ(metrics.At("failover_shard_state{ks,0,Buffering}"), 1);
    EXPECT_EQ(metrics.At("failover_shard_state{ks,0,Idle}"), 0);
    EXPECT_EQ(metrics.At("failover_requests_held{ks,0}"), 2);
    EXPECT_EQ(metrics.At("failover_oldest_request_held_seconds{ks,0}"), 2);
    EXPECT_EQ(metrics.At("failover_last_report_age_seconds{ks,0}"), 122);
    EXPECT_EQ(metrics.At("failover_hold_budget_left_seconds{ks,0}"), 18);
    EXPECT_EQ(metrics.At("failover_buffer_held_bytes{}"), 50);
    EXPECT_EQ(metrics.At("failover_buffer_slots_free{}"), 8);
    EXPECT_EQ(metrics.At("failover_requests_evicted_total{ks,0,ContextDone}"), 1);
    EXPECT_EQ(metrics.At("failover_requests_slipped_past_total{ks,0}"), 1);
    EXPECT_EQ(metrics.At("failover_last_slipped_past_status_code{ks,0}"),
              static_cast<double>(OtherError().code()));
    EXPECT_EQ(metrics.At("failover_last_requests_held_peak{ks,0}"), 3);
  }
  EndFailover();
  EXPECT_EQ(Metrics(buffer()).At("failover_requests_retrying{ks,0}"), 1);
  first.token()(absl::OkStatus());
  PollAll();
  second.token()(OtherError());
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.At("failover_oldest_request_held_seconds{ks,0}"), 0);
  EXPECT_EQ(metrics.At("failover_starts_total{ks,0}"), 1);
  EXPECT_EQ(metrics.At("failover_stops_total{ks,0,NewPrimarySeen}"), 1);
  EXPECT_EQ(metrics.At("failover_last_duration_seconds{ks,0}"), 2);
  EXPECT_EQ(metrics.At("failover_peak_utilization_ratio_total{ks,0}"), 0.3);
  EXPECT_EQ(metrics.At("failover_requests_buffered_total{ks,0}"), 3);
  EXPECT_EQ(metrics.At("failover_requests_drained_total{ks,0}"), 2);
  EXPECT_EQ(metrics.At("failover_retries_succeeded_total{ks,0}"), 1);
  EXPECT_EQ(metrics.At("failover_retries_failed_total{ks,0}"), 1);
  EXPECT_EQ(metrics.Histogram("failover_duration_seconds{ks,0}").counts[5], 1u);
  EXPECT_EQ(metrics.Histogram("failover_request_held_seconds{ks,0,Drained}").Count(), 2u);
  EXPECT_EQ(metrics.Histogram("failover_request_held_seconds{ks,0,ContextDone}").Count(), 1u);
}

TEST_F(MetricsTest, ADryRunIsCounted) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail().passed());
  clock_.Advance(absl::Seconds(2));
  EndFailover();
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.At("failover_requests_buffered_dry_run_total{ks,0}"), 4);
  EXPECT_EQ(metrics.At("failover_last_requests_dry_run_peak{ks,0}"), 4);
  EXPECT_EQ(metrics.At("failover_peak_utilization_dry_run_ratio_total{ks,0}"), 0.4);
  EXPECT_EQ(metrics.At("failover_size_needed{ks,0}"), 4);
}

TEST_F(MetricsTest, NamesFollowTheConventions) {
  shard();
  ForEachMetric(buffer(), [](const Metric& metric) {
    const std::string name(metric.name);
    const std::string total = metric.type == MetricType::kCounter ? "_total" : "";
    std::string end(metric.unit);
    end = (end.empty() ? "" : "_" + end) + total;
    ASSERT_GE(name.size(), end.size());
    EXPECT_EQ(name.substr(name.size() - end.size()), end);
    EXPECT_EQ(name.rfind("failover_", 0), 0u) << name;
    if (total.empty()) {
      EXPECT_EQ(name.find("_total"), std::string::npos) << name;
    }
  });
}

TEST_F(MetricsTest, TheReferenceHasEveryMetric) {
  Report(1, true, 1);
  AdvanceBeyondGuards();
  const AsyncRequest request = Fail();
  clock_.Advance(absl::Seconds(1));
  EndFailover();
  std::ostringstream page;
  page << std::ifstream(METRICS_PAGE).rdbuf();
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.families().size(), 32u);
  for (const std::string& name : metrics.families()) {
    EXPECT_THAT(page.str(), HasSubstr("`" + name + "`"));
  }
}

TEST_F(MetricsTest, AThousandShards) {
  constexpr int kShards = 1000;
  std::vector<AsyncRequest> held;
  BufferOptions options = ManualOptions();
  options.size = kShards;
  Create(options);
  for (int i = 0; i < kShards; ++i) held.push_back(FailOn(Shard(std::to_string(i))));
  const Metrics metrics(buffer());
  EXPECT_EQ(metrics.families().size(), 30u);
  EXPECT_EQ(metrics.Count("failover_requests_held"), static_cast<std::size_t>(kShards));
  for (int i = 0; i < kShards; ++i) {
    EXPECT_EQ(metrics.At("failover_requests_held{ks," + std::to_string(i) + "}"), 1);
  }
  const std::string text = PrometheusText(buffer());
  EXPECT_THAT(text, HasSubstr("failover_requests_held{keyspace=\"ks\",shard=\"999\"} 1\n"));
  EXPECT_EQ(text.find("# TYPE failover_requests_held "),
            text.rfind("# TYPE failover_requests_held "));
}

TEST_F(MetricsTest, NamesOfShardsCannotAddLines) {
  EXPECT_TRUE(FailOn(buffer().GetShard("k\"s\n", "evil\"} 7\nfailover_starts_total 9\n")).held());
  EXPECT_THAT(PrometheusText(buffer()),
              HasSubstr("failover_starts_total{keyspace=\"k\\\"s\\n\","
                        "shard=\"evil\\\"} 7\\nfailover_starts_total 9\\n\"} 1\n"));
}

TEST_F(MetricsTest, TheVisitorIsNotUnderALock) {
  shard();
  ForEachMetric(buffer(), [this](const Metric&) { buffer().StartBuffering(shard(), "a test"); });
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(MetricsTest, AfterShutdownTheCountersAreStillThere) {
  const AsyncRequest request = Fail();
  buffer().Shutdown();
  EXPECT_EQ(Metrics(buffer()).At("failover_stops_total{ks,0,Shutdown}"), 1);
}

// ---- Threads -----------------------------------------------------------------------------------

// Each shard is copied at one moment, so the laws of the counters hold in each set of metrics.
TEST_F(MetricsTest, TheMetricsOfAShardBelongTogetherWhileThreadsRun) {
  BufferOptions options = UnhurriedOptions();
  options.size = 50;
  options.drain_concurrency = 50;
  Create(options);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([this, &over] {
      const ShardHandle handle = shard();
      while (!over) {
        buffer().StartBuffering(handle, "a test");
        auto cancelled = buffer().WaitForFailoverEndAsync({}, handle, absl::OkStatus(),
                                                          [](absl::StatusOr<RetryDoneFunc>) {});
        auto released = buffer().WaitForFailoverEndAsync({}, handle, absl::OkStatus(),
                                                         [](absl::StatusOr<RetryDoneFunc>) {});
        if (cancelled.ok() && *cancelled) cancelled->Cancel();
        buffer().StopBuffering(handle);
      }
    });
  }
  shard();
  double drained = 0;
  while (drained < 200) {
    const Metrics metrics(buffer());
    drained = metrics.At("failover_requests_drained_total{ks,0}");
    const double evicted = metrics.At("failover_requests_evicted_total{ks,0,ContextDone}");
    EXPECT_EQ(metrics.At("failover_requests_buffered_total{ks,0}"),
              drained + evicted + metrics.At("failover_requests_held{ks,0}"));
    EXPECT_EQ(metrics.Histogram("failover_request_held_seconds{ks,0,Drained}").Count(), drained);
    EXPECT_EQ(metrics.Histogram("failover_request_held_seconds{ks,0,ContextDone}").Count(),
              evicted);
    EXPECT_EQ(metrics.Histogram("failover_duration_seconds{ks,0}").Count(),
              metrics.At("failover_stops_total{ks,0,Manual}"));
    if (testing::Test::HasFailure()) break;
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  buffer().Shutdown();
}

// ---- The size that was needed ------------------------------------------------------------------

ShardStats StatsOf(std::uint64_t buffered, absl::Duration each, int failovers) {
  ShardStats stats;
  stats.requests_buffered = buffered;
  for (int i = 0; i < failovers; ++i) {
    stats.failover_durations.Add(absl::ToChronoNanoseconds(each));
  }
  return stats;
}

TEST(SizeNeededTest, IsTheRateTimesTheDuration) {
  // 300 requests in 3 s. Of a range, the 99th percentile is near its upper bound.
  const ShardStats stats = StatsOf(300, absl::Seconds(3), 1);
  EXPECT_EQ(SizeNeeded(stats), 299u);
}

TEST(SizeNeededTest, WhoeverWasRefusedCounts) {
  ShardStats stats = StatsOf(100, absl::Seconds(10), 1);
  stats.requests_skipped[SkippedReason::kBufferFull] = 900;
  EXPECT_EQ(SizeNeeded(stats), 998u);
}

TEST(SizeNeededTest, WhoeverWasHeldAgainCountsOnce) {
  ShardStats stats = StatsOf(150, absl::Seconds(10), 1);
  stats.requests_held_again = 50;
  EXPECT_EQ(SizeNeeded(stats), 100u);
}

TEST(SizeNeededTest, ManyShortFailoversDoNotHideALongOne) {
  ShardStats stats = StatsOf(1000, absl::Milliseconds(400), 50);
  stats.failover_durations.Add(std::chrono::seconds(20));
  // 25 requests per second, times nearly 20 s.
  EXPECT_GT(SizeNeeded(stats), 350u);
  EXPECT_LE(SizeNeeded(stats), 500u);
}

// The only failover took 20.0 s, whose range of the histogram ends at 60 s.
TEST(SizeNeededTest, BugWideRange_NoFailoverTookLongerThanAllTogether) {
  EXPECT_EQ(SizeNeeded(StatsOf(300, absl::Milliseconds(20'001), 1)), 300u);
}

TEST(SizeNeededTest, BugComeBack_NoMoreThanCanWaitAtOnce) {
  // 64 clients came back again and again, because there were 8 slots.
  const ShardStats stats = StatsOf(1291, absl::Milliseconds(8180), 1);
  EXPECT_EQ(SizeNeeded(stats), 1291u);
  EXPECT_EQ(SizeNeeded(stats, 64), 64u);
  EXPECT_EQ(SizeNeeded(stats, 100'000), 1291u);
  EXPECT_EQ(SizeNeeded(ShardStats(), 64), std::nullopt);
}

TEST(SizeNeededTest, IsUnknownBeforeTheFirstFailover) {
  EXPECT_EQ(SizeNeeded(ShardStats()), std::nullopt);
  EXPECT_EQ(SizeNeeded(StatsOf(5, absl::ZeroDuration(), 1)), std::nullopt);
}

}  // namespace
}  // namespace failover::test
