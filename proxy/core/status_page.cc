#include "proxy/core/status_page.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "failover/metrics.h"
#include "proxy/core/status_html.h"
#include "proxy/core/status_json.h"

namespace proxy {
namespace {

failover::Metric Gauge(std::string_view name, std::string_view help, double value) {
  failover::Metric metric;
  metric.name = name;
  metric.help = help;
  metric.value = value;
  return metric;
}

void WriteProxy(const Context& context, const Listener& listener,
                failover::PrometheusWriter& writer) {
  const int logins = listener.logins();
  writer.Write(Gauge("failover_proxy_clients", "Clients that have logged in.",
                     std::max(listener.connections() - logins, 0)));
  writer.Write(Gauge("failover_proxy_logins", "Clients that have not logged in.", logins));
  writer.Write(Gauge("failover_proxy_clients_limit", "The option --max-connections.",
                     context.options.max_connections));
  writer.Write(Gauge("failover_proxy_draining", "1 after SIGTERM, while sessions end.",
                     listener.draining() ? 1 : 0));
  const std::optional<std::size_t> primary = context.router.primary();
  for (std::size_t i = 0; i < context.router.backends().size(); ++i) {
    const std::string address = context.router.backends()[i].ToString();
    const failover::MetricLabel backend{"backend", address};
    failover::Metric metric =
        Gauge("failover_proxy_backend_is_primary",
              "1 for the backend that was last seen as the primary.", primary == i ? 1 : 0);
    metric.labels = absl::MakeConstSpan(&backend, 1);
    writer.Write(metric);
  }
}

HttpPage Metrics(const Context& context, const Listener& listener) {
  failover::PrometheusWriter writer;
  failover::ForEachMetric(context.buffer,
                          [&writer](const failover::Metric& metric) { writer.Write(metric); });
  WriteProxy(context, listener, writer);
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

HttpPage Events(const Context& context, const Listener& listener, const FailoverHistory& history) {
  HttpPage page;
  page.content_type = "text/event-stream";
  page.next_part = [&context, &listener, &history] {
    return absl::StrCat("data: ", StatusJson(context, listener, history), "\n\n");
  };
  return page;
}

}  // namespace

HttpPage StatusPage(const Context& context, const Listener& listener,
                    const FailoverHistory& history, std::string_view path) {
  if (path == "/metrics") return Metrics(context, listener);
  if (path == "/healthz") return Health(context, listener);
  if (path == "/events") return Events(context, listener, history);
  HttpPage page;
  if (path == "/status.json") {
    page.content_type = "application/json";
    page.body = StatusJson(context, listener, history) + "\n";
    return page;
  }
  if (path != "/") return PageOf(404);
  page.content_type = "text/html; charset=utf-8";
  page.body = std::string(StatusHtml());
  page.policy = std::string(kStatusPolicy);
  return page;
}

}  // namespace proxy
