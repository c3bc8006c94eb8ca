#include "proxy/core/status_json.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "failover/metrics.h"

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

void WriteShard(const failover::ShardStats& shard, std::uint64_t epoch, absl::Time now,
                Json& json) {
  json.Open('{');
  json.Member("keyspace", shard.keyspace);
  json.Member("shard", shard.shard);
  json.Member("state", failover::ToString(shard.state));
  json.Member("held", shard.requests_held);
  json.Member("retrying", shard.requests_retrying);
  json.Member("oldest_held_seconds", Since(shard.oldest_held_since, now));
  json.Member("last_report_age_seconds", Since(shard.last_report_at, now));
  json.Member("budget_left_seconds", shard.hold_budget.LeftAt(now));
  json.Member("epoch", epoch);
  json.Member("failovers", shard.starts);
  json.Member("buffered", shard.requests_buffered);
  json.Member("drained", shard.requests_drained);
  json.Name("size_needed");
  const std::optional<std::uint64_t> size = failover::SizeNeeded(shard);
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

}  // namespace

std::string StatusJson(const Context& context, const Listener& listener,
                       const FailoverHistory& history) {
  const failover::BufferStats stats = context.buffer.Stats();
  const absl::Time now = context.buffer.Now();
  const std::optional<std::size_t> primary = context.router.primary();
  Json json;
  json.Open('{');
  json.Member("clients", static_cast<std::uint64_t>(listener.connections()));
  json.Member("clients_limit", static_cast<std::uint64_t>(context.options.max_connections));
  json.Name("draining");
  json.Raw(listener.draining() ? "true" : "false");
  json.Member("primary",
              primary.has_value() ? context.router.backends()[*primary].ToString() : std::string());
  json.Member("slots", stats.size);
  json.Member("slots_free", stats.slots_free);
  json.Name("shards");
  json.Open('[');
  for (const failover::ShardStats& shard : stats.shards) {
    WriteShard(shard, context.buffer.GetShard(shard.keyspace, shard.shard).epoch(), now, json);
  }
  json.Close(']');
  json.Name("last_failovers");
  json.Open('[');
  for (const PastFailover& past : history.Latest()) WriteFailover(past, now, json);
  json.Close(']');
  json.Close('}');
  return json.text();
}

}  // namespace proxy
