// The counters and gauges of a Buffer as metrics with names, for a program that exports them.
//
//   response.body = failover::PrometheusText(*buffer);   // behind GET /metrics
//
// The names follow Prometheus' conventions. docs/reference/metrics.md lists them and says what each
// one tells. For another system, ForEachMetric gives the same metrics one by one.
#ifndef FAILOVER_METRICS_H_
#define FAILOVER_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "failover/export.h"
#include "failover/histogram.h"
#include "failover/stats.h"

namespace failover {

class Buffer;

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricLabel {
  std::string_view name = {};
  std::string_view value = {};
};

// One value of one metric. Metrics of one name are a family: they share the help, the type and the
// unit, and differ in their labels. A visitor must copy what it wants to keep.
struct Metric {
  std::string_view name = {};
  std::string_view help = {};
  MetricType type = MetricType::kGauge;
  // "seconds", "bytes", "ratio", or empty if the metric counts things. The name ends with the unit,
  // before the "_total" of a counter.
  std::string_view unit = {};
  absl::Span<const MetricLabel> labels = {};
  // The value of a counter or a gauge.
  double value = 0;
  // The counts of a histogram; nullptr for other types.
  const DurationHistogram* histogram = nullptr;
};

// Calls the visitor with all metrics of the Buffer and of its shards; those of a family follow each
// other. Each shard is copied at one moment, but not all at the same moment. The visitor is not
// called under a lock. Thread-safe. May throw std::bad_alloc, and whatever the visitor throws.
FAILOVER_EXPORT void ForEachMetric(const Buffer& buffer,
                                   absl::FunctionRef<void(const Metric&)> visit);

// Writes metrics in Prometheus' text format, version 0.0.4, whose content type is
// kPrometheusContentType. A program can add metrics of its own. Not thread-safe.
//
// Names, and the names of labels, must be valid in Prometheus. Values of labels may be any bytes:
// control characters but line feeds, and bytes that are no UTF-8, are written as \xNN, because one
// of them would make Prometheus drop the whole text.
class FAILOVER_EXPORT PrometheusWriter {
 public:
  // The metrics of a family must follow each other.
  void Write(const Metric& metric);

  // The text so far.
  const std::string& text() const { return text_; }

 private:
  void WriteSample(const Metric& metric, std::string_view suffix, std::string_view bound,
                   double value);
  void WriteHistogram(const Metric& metric);

  std::string text_;
  std::string family_;
};

inline constexpr char kPrometheusContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// Returns all metrics of the Buffer in Prometheus' text format. It has about 100 lines for each
// shard. Thread-safe. May throw std::bad_alloc.
FAILOVER_EXPORT std::string PrometheusText(const Buffer& buffer);

// Returns the BufferOptions::size that this shard alone would have needed: the requests per second
// that came during its failovers, times the duration that 99 of 100 failovers did not exceed. In a
// dry run the requests count that would have been held. Shards that fail over together need the
// sum. nullopt if no failover has ended, or if none had a duration.
//
// A client that gets an error and comes back at once counts each time, because a Buffer cannot tell
// that from a new client. So the figure may be far too high after requests were refused or passed.
// No client needs more than one slot at a time: a caller that knows how many requests may wait at
// once, such as the number of connections, says so with `most_at_once`, and no more is returned.
FAILOVER_EXPORT std::optional<std::uint64_t> SizeNeeded(
    const ShardStats& stats, std::optional<std::uint64_t> most_at_once = std::nullopt);

}  // namespace failover

#endif  // FAILOVER_METRICS_H_
