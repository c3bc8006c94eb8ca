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
  static constexpr const char* kCauseNames[] = {"no error",   "failover error",    "other error",
                                                "kRefused",   "kRefusedAtConnect", "kFailed",
                                                "kSucceeded", "kUnknown"};
  std::string text =
      absl::StrCat("request #", step.id, " ", NameText(step.name), step.by_name ? " by name" : "",
                   ", ", kFaces[static_cast<std::size_t>(step.face)], ", ",
                   kCauseNames[static_cast<std::size_t>(step.cause)]);
  if (step.timeout_ns != kForEver) {
    absl::StrAppend(&text, ", timeout ", DurationText(step.timeout_ns));
  }
  if (step.bytes != 0) absl::StrAppend(&text, ", ", step.bytes, " bytes");
  if (step.may_probe) absl::StrAppend(&text, ", may probe");
  if (step.writes) absl::StrAppend(&text, ", writes");
  if (step.previous != 0) absl::StrAppend(&text, ", after #", step.previous);
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
  const std::string stamp =
      step.observed_ns == kNoStamp
          ? ""
          : absl::StrCat(", observed at ",
                         absl::FormatDuration(absl::Nanoseconds(step.observed_ns)));
  return absl::StrCat(
      "report ", NameText(step.name), " ", kTypes[static_cast<std::size_t>(step.tablet_type)],
      " alias ", static_cast<int>(step.alias), step.up ? " up" : " down",
      step.serving ? " serving" : " not serving", ", timestamp ", step.timestamp, stamp);
}

std::string ActionText(const Step& step) {
  static constexpr const char* kEnds[] = {"call",
                                          "call with OK",
                                          "call with an error",
                                          "call with a failover's error",
                                          "destroy the token",
                                          "assign to the token",
                                          "kRefused",
                                          "kRefusedAtConnect",
                                          "kFailed",
                                          "kSucceeded",
                                          "kUnknown"};
  switch (step.kind) {
    case StepKind::kRequest:
      return RequestText(step);
    case StepKind::kCancel:
      return absl::StrCat("cancel #", step.id, step.by_context ? " by its context" : "");
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
    case StepKind::kNoteRefused:
      return absl::StrCat("NoteRefused ", NameText(step.name));
    case StepKind::kBeginSwitchover:
      return absl::StrCat("BeginSwitchover ", step.id, " of ", NameText(step.name), ", grace ",
                          DurationText(step.grace_ns), ", hold_timeout ",
                          DurationText(step.timeout_ns), step.proceeds ? ", proceeds" : "",
                          step.commit_only ? ", on commit only" : "");
    case StepKind::kCommit:
      return absl::StrCat("commit switchover ", step.id);
    case StepKind::kAbort:
      return absl::StrCat(step.by_context ? "destroy" : "abort", " switchover ", step.id);
    case StepKind::kBeginShutdown:
      return "BeginShutdown";
    case StepKind::kNeighbour:
      return absl::StrCat("the neighbours have ", step.slots, " slots, ", step.bytes, " bytes, ",
                          step.turns, " turns");
    case StepKind::kReconfigure:
      return absl::StrCat("Reconfigure by ", step.seed);
    case StepKind::kFaultsStop:
      return step.serving ? "the faults stop, and the primaries are seen to serve"
                          : "the faults stop, and no reports come";
  }
  return "?";
}

}  // namespace

namespace {

std::string BudgetText(const Config& config) {
  if (config.budget_size == 0) return "";
  return absl::StrCat(", a budget with size ", config.budget_size, ", max_bytes ",
                      config.budget_bytes, ", max_retries ", config.budget_retries);
}

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
  options.drain_concurrency_max = config.drain_concurrency_max;
  if (config.max_retry_ns != 0) options.max_retry_time = absl::Nanoseconds(config.max_retry_ns);
  options.suspicion = absl::Nanoseconds(config.suspicion_ns);
  options.probe_after = absl::Nanoseconds(config.probe_after_ns);
  options.unstamped_report_delay = absl::Nanoseconds(config.unstamped_report_delay_ns);
  options.down_confirmation = absl::Nanoseconds(config.down_confirmation_ns);
  options.max_per_shard = config.max_per_shard;
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

Attempt AttemptOf(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return Attempt::kNone;
    case Cause::kFailover:
    case Cause::kRefused:
      return Attempt::kRefused;
    case Cause::kRefusedAtConnect:
      return Attempt::kRefusedAtConnect;
    case Cause::kOther:
    case Cause::kFailed:
      return Attempt::kFailed;
    case Cause::kSucceeded:
      return Attempt::kSucceeded;
    case Cause::kUnknown:
      return Attempt::kUnknown;
  }
  return Attempt::kNone;
}

bool IsFailover(Cause cause) {
  const Attempt attempt = AttemptOf(cause);
  return attempt == Attempt::kRefused || attempt == Attempt::kRefusedAtConnect;
}

Attempt AttemptOf(RetryEnd end) {
  switch (end) {
    case RetryEnd::kCall:
    case RetryEnd::kDestroy:
    case RetryEnd::kAssign:
      return Attempt::kNone;
    case RetryEnd::kCallWithOk:
    case RetryEnd::kTellSucceeded:
      return Attempt::kSucceeded;
    case RetryEnd::kTellFailed:
      return Attempt::kFailed;
    case RetryEnd::kCallWithFailover:
    case RetryEnd::kTellRefused:
      return Attempt::kRefused;
    case RetryEnd::kTellRefusedAtConnect:
      return Attempt::kRefusedAtConnect;
    // The error says that no answer came.
    case RetryEnd::kCallWithError:
    case RetryEnd::kTellUnknown:
      return Attempt::kUnknown;
  }
  return Attempt::kNone;
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
      ", drain_concurrency ", options.drain_concurrency, ", drain_concurrency_max ",
      options.drain_concurrency_max, ", max_retry_time ",
      absl::FormatDuration(absl::Nanoseconds(config.max_retry_ns)), ", suspicion ",
      absl::FormatDuration(options.suspicion), ", probe_after ",
      absl::FormatDuration(options.probe_after), ", unstamped_report_delay ",
      absl::FormatDuration(options.unstamped_report_delay), ", down_confirmation ",
      absl::FormatDuration(options.down_confirmation), ", max_per_shard ", options.max_per_shard,
      ", clock_start ", absl::FormatDuration(absl::Nanoseconds(config.clock_start_ns)),
      ", max_bytes ", options.max_bytes, ", max_shards ", options.max_shards,
      ", keyspace_shards \"", options.keyspace_shards, "\"", BudgetText(config),
      config.own_classifier ? ", a classifier of its own" : "",
      config.foreign_code_looks ? ", clock and classifier look at the Buffer" : "");
}

std::string ToString(const Step& step) {
  if (step.during == 0) return ActionText(step);
  return absl::StrCat("  in the callback of #", step.during, ": ", ActionText(step));
}

}  // namespace failover::simulation
