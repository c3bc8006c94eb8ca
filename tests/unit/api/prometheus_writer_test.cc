// These tests cover Prometheus' text format: numbers, labels with any bytes, and histograms.
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "failover/metrics.h"

namespace failover::test {
namespace {

std::string TextOf(const Metric& metric) {
  PrometheusWriter writer;
  writer.Write(metric);
  return writer.text();
}

// The line of a metric with this value, without the two lines above it.
std::string ValueText(double value) {
  Metric metric;
  metric.name = "m";
  metric.value = value;
  const std::string text = TextOf(metric);
  return text.substr(text.rfind("\nm ") + 3);
}

std::string LabelText(std::string_view value) {
  const MetricLabel label{"l", value};
  Metric metric;
  metric.name = "m";
  metric.labels = absl::MakeConstSpan(&label, 1);
  const std::string text = TextOf(metric);
  const std::size_t begin = text.rfind("l=\"") + 3;
  return text.substr(begin, text.rfind("\"} 0\n") - begin);
}

TEST(PrometheusWriterTest, AFamilyHasItsHelpAndItsTypeOnce) {
  Metric metric;
  metric.name = "failover_things_total";
  metric.help = "Things.";
  metric.type = MetricType::kCounter;
  PrometheusWriter writer;
  const MetricLabel labels[] = {{"keyspace", "ks"}, {"shard", "-80"}};
  metric.labels = labels;
  metric.value = 3;
  writer.Write(metric);
  metric.labels = {};
  metric.value = 4;
  writer.Write(metric);
  metric.name = "failover_other";
  metric.type = MetricType::kGauge;
  writer.Write(metric);
  EXPECT_EQ(writer.text(),
            "# HELP failover_things_total Things.\n"
            "# TYPE failover_things_total counter\n"
            "failover_things_total{keyspace=\"ks\",shard=\"-80\"} 3\n"
            "failover_things_total 4\n"
            "# HELP failover_other Things.\n"
            "# TYPE failover_other gauge\n"
            "failover_other 4\n");
}

TEST(PrometheusWriterTest, TheHelpIsOneLine) {
  Metric metric;
  metric.name = "m";
  metric.help = "a\\b\nc\"d";
  EXPECT_EQ(TextOf(metric), "# HELP m a\\\\b\\nc\"d\n# TYPE m gauge\nm 0\n");
}

TEST(PrometheusWriterTest, NumbersAreExact) {
  EXPECT_EQ(ValueText(0), "0\n");
  EXPECT_EQ(ValueText(12345678901), "12345678901\n");
  EXPECT_EQ(ValueText(9007199254740992.0), "9007199254740992\n");
  EXPECT_EQ(ValueText(-3), "-3\n");
  EXPECT_EQ(ValueText(0.1), "0.1\n");
  EXPECT_EQ(ValueText(1.0 / 3), "0.33333333333333331\n");
  EXPECT_EQ(ValueText(1e300), "1e+300\n");
  EXPECT_EQ(ValueText(std::numeric_limits<double>::infinity()), "+Inf\n");
  EXPECT_EQ(ValueText(-std::numeric_limits<double>::infinity()), "-Inf\n");
  EXPECT_EQ(ValueText(std::numeric_limits<double>::quiet_NaN()), "NaN\n");
}

TEST(PrometheusWriterTest, WhatALabelMustNotContainIsEscaped) {
  EXPECT_EQ(LabelText("plain -80"), "plain -80");
  EXPECT_EQ(LabelText("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
  EXPECT_EQ(LabelText(std::string_view("a\0b", 3)), "a\\\\x00b");
  EXPECT_EQ(LabelText("\r\t\x7F"), "\\\\x0d\\\\x09\\\\x7f");
  EXPECT_EQ(LabelText(""), "");
  EXPECT_EQ(LabelText("\"} 1\nevil 2"), "\\\"} 1\\nevil 2");
}

TEST(PrometheusWriterTest, Utf8IsKept) {
  for (const char* const text : {"\u00fc", "\u20ac", "\U0001F600", "\ud7ff", "\ue000", "\U0010FFFF",
                                 "\u0800", "\U00010000", "\u0080"}) {
    EXPECT_EQ(LabelText(text), text);
  }
}

TEST(PrometheusWriterTest, BytesThatAreNoUtf8AreShownOneByOne) {
  EXPECT_EQ(LabelText("a\xFFz"), "a\\\\xffz");
  EXPECT_EQ(LabelText("\x80"), "\\\\x80");
  EXPECT_EQ(LabelText("\xC3"), "\\\\xc3") << "cut off";
  EXPECT_EQ(LabelText("\xE2\x82"), "\\\\xe2\\\\x82") << "cut off";
  EXPECT_EQ(LabelText("\xC3z"), "\\\\xc3z");
  EXPECT_EQ(LabelText("\xC0\xAF"), "\\\\xc0\\\\xaf") << "overlong";
  EXPECT_EQ(LabelText("\xE0\x9F\xBF"), "\\\\xe0\\\\x9f\\\\xbf") << "overlong";
  EXPECT_EQ(LabelText("\xF0\x8F\xBF\xBF"), "\\\\xf0\\\\x8f\\\\xbf\\\\xbf") << "overlong";
  EXPECT_EQ(LabelText("\xED\xA0\x80"), "\\\\xed\\\\xa0\\\\x80") << "a surrogate";
  EXPECT_EQ(LabelText("\xF4\x90\x80\x80"), "\\\\xf4\\\\x90\\\\x80\\\\x80") << "too large";
  EXPECT_EQ(LabelText("\xF5\x80\x80\x80"), "\\\\xf5\\\\x80\\\\x80\\\\x80") << "too large";
}

TEST(PrometheusWriterTest, AHistogramIsCumulated) {
  DurationHistogram histogram;
  histogram.Add(std::chrono::milliseconds(60));
  histogram.Add(std::chrono::milliseconds(200));
  histogram.Add(std::chrono::minutes(2));
  const MetricLabel label{"way", "Drained"};
  Metric metric;
  metric.name = "m_seconds";
  metric.type = MetricType::kHistogram;
  metric.labels = absl::MakeConstSpan(&label, 1);
  metric.histogram = &histogram;
  EXPECT_EQ(TextOf(metric),
            "# HELP m_seconds \n"
            "# TYPE m_seconds histogram\n"
            "m_seconds_bucket{way=\"Drained\",le=\"0.05\"} 0\n"
            "m_seconds_bucket{way=\"Drained\",le=\"0.1\"} 1\n"
            "m_seconds_bucket{way=\"Drained\",le=\"0.25\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"0.5\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"1\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"2\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"3\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"5\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"7.5\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"10\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"20\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"60\"} 2\n"
            "m_seconds_bucket{way=\"Drained\",le=\"+Inf\"} 3\n"
            "m_seconds_sum{way=\"Drained\"} 120.26\n"
            "m_seconds_count{way=\"Drained\"} 3\n");
}

TEST(PrometheusWriterTest, AHistogramWithoutDataIsEmpty) {
  Metric metric;
  metric.name = "m_seconds";
  metric.type = MetricType::kHistogram;
  EXPECT_NE(TextOf(metric).find("m_seconds_bucket{le=\"+Inf\"} 0\n"), std::string::npos);
}

}  // namespace
}  // namespace failover::test
