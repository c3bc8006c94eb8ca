#include "steps.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/buffer.h"

namespace failover::simulation {

// One process hands steps and options to another as bytes.
static_assert(std::is_trivially_copyable_v<Step> && std::is_trivially_copyable_v<Config>);

namespace {

std::string DurationText(std::int64_t ns) {
  return ns == kForEver ? "for ever" : absl::FormatDuration(absl::Nanoseconds(ns));
}

std::string NameText(std::size_t index) {
  const ShardName& name = NameOf(index);
  if (name.keyspace.size() + name.shard.size() > 32) return absl::StrCat("<long name ", index, ">");
  return absl::StrCat("'", std::string(name.keyspace), "'/'", std::string(name.shard), "'");
}

std::string RequestText(const Step& step) {
  static constexpr const char* kFaces[] = {"callback", "blocking", "coroutine"};
  static constexpr const char* kCauses[] = {"no error", "failover error", "other error"};
  std::string text =
      absl::StrCat("request #", step.id, " ", NameText(step.name), step.by_name ? " by name" : "",
                   ", ", kFaces[static_cast<std::size_t>(step.face)], ", ",
                   kCauses[static_cast<std::size_t>(step.cause)]);
  if (step.timeout_ns != kForEver) {
    absl::StrAppend(&text, ", timeout ", DurationText(step.timeout_ns));
  }
  if (step.bytes != 0) absl::StrAppend(&text, ", ", step.bytes, " bytes");
  if (step.by_stop_token) absl::StrAppend(&text, ", stop_token");
  if (step.cancelled) absl::StrAppend(&text, ", cancelled before");
  return text;
}

std::string EventText(const Step& step) {
  static constexpr const char* kMoves[] = {"", ", move switching", ", move switched"};
  std::string text =
      absl::StrCat("keyspace event", kMoves[static_cast<std::size_t>(step.move_tables_state)]);
  for (std::size_t i = 0; i < step.news_count; ++i) {
    const ShardNews& news = step.news[i];
    absl::StrAppend(&text, ", ", NameText(news.name), " alias ", static_cast<int>(news.alias),
                    news.serving ? " serving" : " not serving");
  }
  return text;
}

std::string ReportText(const Step& step) {
  static constexpr const char* kTypes[] = {"unknown", "primary", "replica", "rdonly"};
  return absl::StrCat("report ", NameText(step.name), " ",
                      kTypes[static_cast<std::size_t>(step.tablet_type)], " alias ",
                      static_cast<int>(step.alias), step.up ? " up" : " down",
                      step.serving ? " serving" : " not serving", ", timestamp ", step.timestamp);
}

std::string ActionText(const Step& step) {
  static constexpr const char* kEnds[] = {"call", "call with OK", "call with an error",
                                          "destroy the token", "assign to the token"};
  switch (step.kind) {
    case StepKind::kRequest:
      return RequestText(step);
    case StepKind::kCancel:
      return absl::StrCat("cancel #", step.id);
    case StepKind::kDetach:
      return absl::StrCat("detach #", step.id);
    case StepKind::kDropHandle:
      return absl::StrCat("destroy the handle of #", step.id);
    case StepKind::kEndRetry:
      return absl::StrCat("end the retry of #", step.id, ": ",
                          kEnds[static_cast<std::size_t>(step.retry_end)]);
    case StepKind::kReport:
      return ReportText(step);
    case StepKind::kKeyspaceEvent:
      return EventText(step);
    case StepKind::kAdvanceClock:
      return absl::StrCat("advance the clock by ", DurationText(step.advance_ns));
    case StepKind::kPoll:
      return "poll";
    case StepKind::kStartBuffering:
      return absl::StrCat("StartBuffering ", NameText(step.name));
    case StepKind::kStopBuffering:
      return absl::StrCat("StopBuffering ", NameText(step.name));
    case StepKind::kGetShard:
      return absl::StrCat("GetShard ", NameText(step.name));
    case StepKind::kShutdown:
      return "Shutdown";
  }
  return "?";
}

}  // namespace

namespace {

constexpr std::size_t kOddNames = 12;

std::array<ShardName, kNames> MakeNames() {
  static const std::string longest(kMaxNameLength, 'n');
  static const std::string too_long(kMaxNameLength + 1, 'n');
  static std::array<std::string, kNames> numbers;
  // Two pairs of names differ only in where the keyspace ends and the shard begins.
  std::array<ShardName, kNames> names = {{{"a", "-80"},
                                          {"a", "80-"},
                                          {"b", "0"},
                                          {"x", "y/z"},
                                          {"x/y", "z"},
                                          {"ab", "c"},
                                          {"a", "bc"},
                                          {longest, longest},
                                          {"", "0"},
                                          {"a", ""},
                                          {too_long, "0"},
                                          {"a", too_long}}};
  for (std::size_t i = kOddNames; i < kNames; ++i) {
    numbers[i] = absl::StrCat(i);
    names[i] = {"many", numbers[i]};
  }
  return names;
}

}  // namespace

const ShardName& NameOf(std::size_t index) {
  static const std::array<ShardName, kNames> names = MakeNames();
  return names[index];
}

bool IsGoodName(std::size_t index) {
  const ShardName& name = NameOf(index);
  return !name.keyspace.empty() && !name.shard.empty() && name.keyspace.size() <= kMaxNameLength &&
         name.shard.size() <= kMaxNameLength;
}

TabletAlias AliasOf(std::uint8_t index) {
  // The same number in two cells means two tablets.
  static const std::array<TabletAlias, kAliases> aliases = {
      {{"", 0}, {"z1", 1}, {"z1", 2}, {"z2", 1}, {"z2", 2}, {"z1", 3}}};
  return aliases[index];
}

bool Config::AnyListed() const {
  for (std::size_t i = 0; i < kNames; ++i) {
    if (shard_listed[i] || keyspace_listed[i]) return true;
  }
  return false;
}

BufferOptions MakeOptions(const Config& config) {
  BufferOptions options;
  options.enabled = config.enabled;
  options.dry_run = config.dry_run;
  options.window = absl::Nanoseconds(config.window_ns);
  options.max_failover_duration = absl::Nanoseconds(config.max_failover_duration_ns);
  options.min_time_between_failovers = absl::Nanoseconds(config.min_time_between_failovers_ns);
  options.size = config.size;
  options.drain_concurrency = config.drain_concurrency;
  options.max_bytes = config.max_bytes;
  options.max_shards = config.max_shards;
  std::string separator;
  for (std::size_t i = 0; i < kNames; ++i) {
    const ShardName& name = NameOf(i);
    std::string item;
    if (config.keyspace_listed[i]) item = std::string(name.keyspace);
    if (config.shard_listed[i]) {
      item = absl::StrCat(std::string(name.keyspace), "/", std::string(name.shard));
    }
    if (item.empty()) continue;
    absl::StrAppend(&options.keyspace_shards, separator, item);
    separator = ", ";
  }
  options.threading = Threading::kManual;
  return options;
}

absl::Duration TimeoutOf(const Step& step) {
  return step.timeout_ns == kForEver ? absl::InfiniteDuration()
                                     : absl::Nanoseconds(step.timeout_ns);
}

std::string ToString(const Config& config) {
  const BufferOptions options = MakeOptions(config);
  return absl::StrCat(
      "enabled ", config.enabled, ", dry_run ", config.dry_run, ", window ",
      absl::FormatDuration(options.window), ", max_failover_duration ",
      absl::FormatDuration(options.max_failover_duration), ", min_time_between_failovers ",
      absl::FormatDuration(options.min_time_between_failovers), ", size ", options.size,
      ", drain_concurrency ", options.drain_concurrency, ", max_bytes ", options.max_bytes,
      ", max_shards ", options.max_shards, ", keyspace_shards \"", options.keyspace_shards, "\"",
      config.own_classifier ? ", a classifier of its own" : "",
      config.foreign_code_looks ? ", clock and classifier look at the Buffer" : "");
}

std::string ToString(const Step& step) {
  if (step.during == 0) return ActionText(step);
  return absl::StrCat("  in the callback of #", step.during, ": ", ActionText(step));
}

}  // namespace failover::simulation
