#include "proxy/core/status_json.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "failover/metrics.h"
#include "failover/watch/server_view.h"

namespace proxy {
namespace {

// Writes objects and arrays without knowing what is in them.
class Json {
 public:
  void Open(char bracket) {
    Separate();
    text_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    text_ += bracket;
    first_ = false;
  }
  // The name of the value that follows.
  void Name(std::string_view name) {
    String(name);
    text_ += ':';
    first_ = true;
  }

  // Bytes that are no UTF-8 stay as they are; a browser shows a replacement for them.
  void String(std::string_view value) {
    Separate();
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text_ += {'\\', c};
      } else if (static_cast<unsigned char>(c) < 0x20) {
        absl::StrAppendFormat(&text_, "\\u%04x", static_cast<unsigned>(c));
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }
  void Number(std::uint64_t value) { Raw(absl::StrCat(value)); }
  void Seconds(absl::Duration value) { Raw(absl::StrFormat("%.3f", absl::ToDoubleSeconds(value))); }
  void Raw(const std::string& text) {
    Separate();
    text_ += text;
  }

  void Member(std::string_view name, std::string_view value) {
    Name(name);
    String(value);
  }
  void Member(std::string_view name, std::uint64_t value) {
    Name(name);
    Number(value);
  }
  // nullopt is null.
  void Member(std::string_view name, std::optional<absl::Duration> value) {
    Name(name);
    value.has_value() ? Seconds(*value) : Raw("null");
  }

  // An array, each element of which `write` writes.
  template <typename Elements, typename Write>
  void Array(std::string_view name, const Elements& elements, Write write) {
    Name(name);
    Open('[');
    for (const auto& element : elements) write(element);
    Close(']');
  }

  // The counters that are not 0, by the names of their reasons.
  template <typename Reason, std::size_t kSize>
  void Reasons(std::string_view name,
               const failover::EnumArray<Reason, kSize, std::uint64_t>& counters) {
    Name(name);
    Open('{');
    for (std::size_t i = 0; i < kSize; ++i) {
      if (counters[i] > 0) Member(failover::ToString(static_cast<Reason>(i)), counters[i]);
    }
    Close('}');
  }

  const std::string& text() const { return text_; }

 private:
  void Separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }

  std::string text_;
  bool first_ = true;
};

std::optional<absl::Duration> Since(std::optional<absl::Time> time, absl::Time now) {
  if (!time.has_value()) return std::nullopt;
  return now - *time;
}

void WriteShard(const StatusSources& sources, const failover::ShardStats& shard, absl::Time now,
                Json& json) {
  failover::Buffer& buffer = sources.context.buffer;
  json.Open('{');
  json.Member("keyspace", shard.keyspace);
  json.Member("shard", shard.shard);
  json.Member("state", failover::ToString(shard.state));
  json.Member("held", shard.requests_held);
  json.Member("retrying", shard.requests_retrying);
  json.Member("oldest_held_seconds", Since(shard.oldest_held_since, now));
  json.Member("last_report_age_seconds", Since(shard.last_report_at, now));
  json.Member("budget_left_seconds", shard.hold_budget.LeftAt(now));
  json.Member("epoch", buffer.GetShard(shard.keyspace, shard.shard).epoch());
  json.Member("failovers", shard.starts);
  json.Member("buffered", shard.requests_buffered);
  json.Member("drained", shard.requests_drained);
  json.Reasons("evicted", shard.requests_evicted);
  json.Reasons("skipped", shard.requests_skipped);
  json.Member("overdue", shard.retries_overdue);
  json.Member("retries_failed", shard.retries_failed);
  json.Member("held_again", shard.requests_held_again);
  json.Member("slipped_past", shard.requests_slipped_past);
  json.Name("size_needed");
  const std::optional<std::uint64_t> size = failover::SizeNeeded(shard, MostAtOnce(sources));
  size.has_value() ? json.Number(*size) : json.Raw("null");
  json.Close('}');
}

void WriteFailover(const PastFailover& past, absl::Time now, Json& json) {
  json.Open('{');
  json.Member("keyspace", past.keyspace);
  json.Member("shard", past.shard);
  json.Member("began_seconds_ago", now - past.began);
  json.Member("released_seconds_ago", Since(past.released, now));
  json.Member("ended_seconds_ago", Since(past.ended, now));
  json.Member("cause", past.cause);
  json.Member("end", past.end);
  json.Member("held", past.held);
  json.Member("epoch", past.epoch);
  json.Close('}');
}

std::string NameOf(const Router& router, std::optional<std::size_t> backend) {
  return backend.has_value() ? router.backends()[*backend].ToString() : std::string();
}

void WriteBackend(const failover::watch::ServerView& view, absl::Time now, Json& json) {
  json.Open('{');
  json.Member("address", view.address);
  json.Member("state", failover::watch::ToString(view.state));
  json.Member("last_answer_age_seconds", Since(view.answered_at, now));
  json.Member("reason", view.reason);
  json.Close('}');
}

void WriteProxy(const StatusSources& sources, Json& json) {
  const Context& context = sources.context;
  json.Member("clients", static_cast<std::uint64_t>(sources.listener.connections()));
  json.Member("clients_limit", static_cast<std::uint64_t>(context.options.max_connections));
  json.Name("draining");
  json.Raw(sources.listener.draining() ? "true" : "false");
  json.Member("primary", NameOf(context.router, context.router.serving_primary()));
  json.Member("last_primary", NameOf(context.router, context.router.primary()));
  json.Member("window_seconds", context.window);
  json.Member("max_failover_duration_seconds", context.buffer.options().max_failover_duration);
}

}  // namespace

std::string StatusJson(const StatusSources& sources) {
  const Context& context = sources.context;
  const failover::BufferStats stats = context.buffer.Stats();
  const std::vector<failover::watch::ServerView> backends = BackendViews(sources);
  const absl::Time now = context.buffer.Now();
  Json json;
  json.Open('{');
  WriteProxy(sources, json);
  json.Member("uptime_seconds", now - sources.started);
  json.Member("slots", stats.size);
  json.Member("slots_free", stats.slots_free);
  json.Array("backends", backends, [&](const auto& view) { WriteBackend(view, now, json); });
  json.Array("shards", stats.shards,
             [&](const failover::ShardStats& shard) { WriteShard(sources, shard, now, json); });
  json.Array("last_failovers", sources.history.Latest(),
             [&](const PastFailover& past) { WriteFailover(past, now, json); });
  json.Close('}');
  return json.text();
}

}  // namespace proxy
