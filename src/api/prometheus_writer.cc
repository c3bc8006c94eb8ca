// Prometheus' text format. Source: "Exposition formats" in Prometheus' documentation.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "failover/metrics.h"

namespace failover {
namespace {

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

absl::string_view NameOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

// The length of the character at the beginning of `text`, or 0 if there is no valid UTF-8. Source:
// RFC 3629, section 4.
std::size_t LengthOfCharacter(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_large = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

void AppendEscaped(std::string_view value, std::string* out) {
  while (!value.empty()) {
    const std::size_t length = LengthOfCharacter(value);
    const auto first = static_cast<std::uint8_t>(value[0]);
    if (value[0] == '\n') {
      out->append("\\n");
    } else if (value[0] == '\\' || value[0] == '"') {
      out->append({'\\', value[0]});
    } else if (length == 0 || first < 0x20 || first == 0x7F) {
      // The backslash is escaped, too, so that Prometheus shows the four characters \xNN.
      absl::StrAppendFormat(out, "\\\\x%02x", first);
    } else {
      out->append(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // Up to 2^53 a double is the exact number that was counted.
  constexpr double kExact = 9007199254740992.0;
  if (std::trunc(value) == value && std::abs(value) <= kExact) {
    return absl::StrCat(static_cast<std::int64_t>(value));
  }
  std::string text = absl::StrFormat("%.15g", value);
  double read = 0;
  if (!absl::SimpleAtod(text, &read) || read != value) text = absl::StrFormat("%.17g", value);
  return text;
}

}  // namespace

void PrometheusWriter::Write(const Metric& metric) {
  if (metric.name != family_) {
    family_ = std::string(metric.name);
    absl::StrAppend(&text_, "# HELP ", family_, " ");
    for (const char c : metric.help) {
      if (c == '\\')
        text_ += "\\\\";
      else if (c == '\n')
        text_ += "\\n";
      else
        text_ += c;
    }
    absl::StrAppend(&text_, "\n# TYPE ", family_, " ", NameOf(metric.type), "\n");
  }
  if (metric.type == MetricType::kHistogram) {
    WriteHistogram(metric);
  } else {
    WriteSample(metric, "", "", metric.value);
  }
}

void PrometheusWriter::WriteHistogram(const Metric& metric) {
  const DurationHistogram none;
  const DurationHistogram& histogram = metric.histogram != nullptr ? *metric.histogram : none;
  std::uint64_t count = 0;
  for (std::size_t range = 0; range < DurationHistogram::kRanges; ++range) {
    count += histogram.counts[range];
    const bool is_last = range == DurationHistogram::kBoundsMs.size();
    const double bound = is_last ? std::numeric_limits<double>::infinity()
                                 : static_cast<double>(DurationHistogram::kBoundsMs[range]) / 1000;
    WriteSample(metric, "_bucket", NumberText(bound), static_cast<double>(count));
  }
  WriteSample(metric, "_sum", "", histogram.sum_seconds);
  WriteSample(metric, "_count", "", static_cast<double>(count));
}

void PrometheusWriter::WriteSample(const Metric& metric, std::string_view suffix,
                                   std::string_view bound, double value) {
  absl::StrAppend(&text_, Piece(metric.name), Piece(suffix));
  char separator = '{';
  const auto append = [this, &separator](std::string_view name, std::string_view text) {
    text_ += separator;
    separator = ',';
    absl::StrAppend(&text_, Piece(name), "=\"");
    AppendEscaped(text, &text_);
    text_ += '"';
  };
  for (const MetricLabel& label : metric.labels) append(label.name, label.value);
  if (!bound.empty()) append("le", bound);
  if (separator == ',') text_ += '}';
  absl::StrAppend(&text_, " ", NumberText(value), "\n");
}

}  // namespace failover
