#include "proxy/core/status_page.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "failover/metrics.h"
#include "proxy/core/status_html.h"
#include "proxy/core/status_json.h"

namespace proxy {
namespace {

using failover::Metric;
using failover::MetricLabel;
using failover::PrometheusWriter;
using failover::watch::ServerState;
using failover::watch::ServerView;

Metric Gauge(std::string_view name, std::string_view help, double value) {
  Metric metric;
  metric.name = name;
  metric.help = help;
  metric.value = value;
  return metric;
}

Metric SecondsGauge(std::string_view name, std::string_view help, absl::Duration value) {
  Metric metric = Gauge(name, help, absl::ToDoubleSeconds(value));
  metric.unit = "seconds";
  return metric;
}

void Write(Metric metric, absl::Span<const MetricLabel> labels, PrometheusWriter& writer) {
  metric.labels = labels;
  writer.Write(metric);
}

// The writer wants the metrics of one name together.
void WriteBackends(const StatusSources& sources, PrometheusWriter& writer) {
  const Context& context = sources.context;
  const std::vector<ServerView> views = BackendViews(sources);
  const std::optional<std::size_t> primary = context.router.serving_primary();
  for (std::size_t i = 0; i < views.size(); ++i) {
    Write(
        Gauge(
            "failover_proxy_backend_is_primary",
            "1 for the backend that takes writes as the primary, as far as the last reports tell.",
            primary == i ? 1 : 0),
        {{"backend", views[i].address}}, writer);
  }
  for (const ServerView& view : views) {
    for (std::size_t i = 0; i < failover::watch::kServerStates; ++i) {
      const auto state = static_cast<ServerState>(i);
      Write(Gauge("failover_proxy_backend_state",
                  "1 for what the monitor knows of the backend, 0 for the other states.",
                  view.state == state ? 1 : 0),
            {{"backend", view.address}, {"state", failover::watch::ToString(state)}}, writer);
    }
  }
  const absl::Time now = context.buffer.Now();
  for (const ServerView& view : views) {
    if (!view.answered_at.has_value()) continue;
    Write(
        SecondsGauge("failover_proxy_backend_last_answer_age_seconds",
                     "Time since the backend told the monitor what it is. Missing if it never did.",
                     std::max(now - *view.answered_at, absl::ZeroDuration())),
        {{"backend", view.address}}, writer);
  }
}

void WriteProxy(const StatusSources& sources, PrometheusWriter& writer) {
  const Listener& listener = sources.listener;
  const int logins = listener.logins();
  writer.Write(Gauge("failover_proxy_clients", "Clients that have logged in.",
                     std::max(listener.connections() - logins, 0)));
  writer.Write(Gauge("failover_proxy_logins", "Clients that have not logged in.", logins));
  writer.Write(Gauge("failover_proxy_clients_limit", "The option --max-connections.",
                     sources.context.options.max_connections));
  writer.Write(Gauge("failover_proxy_draining", "1 after SIGTERM, while sessions end.",
                     listener.draining() ? 1 : 0));
  WriteBackends(sources, writer);
}

HttpPage Metrics(const StatusSources& sources) {
  PrometheusWriter writer;
  const std::optional<std::uint64_t> most = MostAtOnce(sources);
  failover::ForEachMetric(sources.context.buffer, [&](Metric metric) {
    // The library does not know how many clients there are.
    if (metric.name == "failover_size_needed" && most.has_value()) {
      metric.value = std::min(metric.value, static_cast<double>(*most));
    }
    writer.Write(metric);
  });
  WriteProxy(sources, writer);
  HttpPage page;
  page.content_type = failover::kPrometheusContentType;
  page.body = writer.text();
  return page;
}

HttpPage Health(const Context& context, const Listener& listener) {
  HttpPage page;
  if (listener.draining()) {
    page.status = 503;
    page.body = "draining\n";
  } else if (!context.router.HasLooked()) {
    page.status = 503;
    page.body = "starting\n";
  } else {
    page.body = "ok\n";
  }
  return page;
}

HttpPage Events(const StatusSources& sources) {
  HttpPage page;
  page.content_type = "text/event-stream";
  page.next_part = [&sources] { return absl::StrCat("data: ", StatusJson(sources), "\n\n"); };
  return page;
}

}  // namespace

HttpPage StatusPage(const StatusSources& sources, std::string_view path) {
  if (path == "/metrics") return Metrics(sources);
  if (path == "/healthz") return Health(sources.context, sources.listener);
  if (path == "/events") return Events(sources);
  HttpPage page;
  if (path == "/status.json") {
    page.content_type = "application/json";
    page.body = StatusJson(sources) + "\n";
    return page;
  }
  if (path != "/") return PageOf(404);
  page.content_type = "text/html; charset=utf-8";
  page.body = std::string(StatusHtml());
  page.policy = std::string(kStatusPolicy);
  return page;
}

}  // namespace proxy
