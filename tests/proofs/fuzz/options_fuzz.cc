// This fuzzer covers BufferOptions::Validate, the list in keyspace_shards, and the flags. It
// compares them with the rules that the headers state, which are written here a second time in a
// simple and slow way.

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/buffer_options.h"
#include "failover/errors.h"
#include "failover/flags.h"
#include "failover/testing/simulated_clock.h"
#include "fuzz_input.h"
#include "support/silence.h"

namespace failover::fuzz {
namespace {

// ---- A second reader of the list.

struct Item {
  std::string keyspace;
  std::optional<std::string> shard;
};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string WithoutBlanksAround(std::string text) {
  while (!text.empty() && IsBlank(text.back())) text.pop_back();
  while (!text.empty() && IsBlank(text.front())) text.erase(text.begin());
  return text;
}

bool IsName(const std::string& text) { return !text.empty() && text.size() <= kMaxNameLength; }

bool Clash(const Item& a, const Item& b) {
  if (a.keyspace != b.keyspace) return false;
  return !a.shard.has_value() || !b.shard.has_value() || *a.shard == *b.shard;
}

// Returns nullopt if the list is wrong.
std::optional<std::vector<Item>> ReadList(const std::string& list) {
  std::vector<std::string> texts(1);
  for (const char c : list) {
    if (c == ',') {
      texts.emplace_back();
    } else {
      texts.back().push_back(c);
    }
  }
  std::vector<Item> items;
  if (texts.size() == 1 && WithoutBlanksAround(texts[0]).empty()) return items;
  for (const std::string& text : texts) {
    Item item{WithoutBlanksAround(text), std::nullopt};
    if (const std::size_t slash = item.keyspace.find('/'); slash != std::string::npos) {
      item.shard = item.keyspace.substr(slash + 1);
      item.keyspace.resize(slash);
      if (!IsName(*item.shard) || item.shard->find('/') != std::string::npos) return std::nullopt;
    }
    if (!IsName(item.keyspace)) return std::nullopt;
    for (const Item& other : items) {
      if (Clash(item, other)) return std::nullopt;
    }
    items.push_back(std::move(item));
  }
  return items;
}

bool Lists(const std::vector<Item>& items, const std::string& keyspace, const std::string& shard) {
  for (const Item& item : items) {
    if (item.keyspace == keyspace && item.shard.value_or(shard) == shard) return true;
  }
  return false;
}

// ---- The rules, in their order.

bool IsFinite(absl::Duration duration) {
  return duration != absl::InfiniteDuration() && duration != -absl::InfiniteDuration();
}

// Returns a text that the error of the first broken rule must contain. The text is empty if no rule
// is broken.
std::string FirstBroken(const BufferOptions& o) {
  if (o.window < absl::Seconds(1) || !IsFinite(o.window)) return "window";
  if (!IsFinite(o.max_failover_duration)) return "max_failover_duration";
  if (o.window > o.max_failover_duration) return "window (--buffer_window) must be <=";
  if (o.size < 1) return "size";
  if (!IsFinite(o.min_time_between_failovers) ||
      o.min_time_between_failovers / 2 < o.max_failover_duration) {
    return "min_time_between_failovers";
  }
  if (o.drain_concurrency < 1) return "drain_concurrency";
  const bool listed = !WithoutBlanksAround(o.keyspace_shards).empty();
  if (listed && !o.enabled) return "also requires that";
  if (o.enabled && o.dry_run && !listed) return "To avoid ambiguity";
  if (!ReadList(o.keyspace_shards).has_value()) return "keyspace_shards";
  if (o.max_shards < 1) return "max_shards";
  const absl::Duration grace = o.shutdown_grace.value_or(absl::ZeroDuration());
  if (!IsFinite(grace) || grace < absl::ZeroDuration()) return "shutdown_grace";
  return "";
}

void CheckVerdict(const absl::Status& status, const std::string& broken) {
  if (broken.empty()) return Require(status.ok(), "good options are taken", status.ToString());
  Require(absl::IsInvalidArgument(status), "bad options are refused", broken);
  Require(absl::StrContains(status.message(), broken), "the first rule that is broken is named",
          absl::StrCat(broken, " is not in: ", status.message()));
}

// ---- What a Buffer with these options does.

void CheckShard(Buffer& buffer, const BufferOptions& options, const std::vector<Item>& items,
                const std::string& keyspace, const std::string& shard) {
  const bool buffers = options.enabled && (items.empty() || Lists(items, keyspace, shard));
  const absl::Status error = MarkCausedByFailover(absl::UnavailableError("read-only"));
  absl::StatusOr<BufferedRequest> request = buffer.WaitForFailoverEndAsync(
      {}, keyspace, shard, error, [](absl::StatusOr<RetryDoneFunc>) {});
  Require(request.ok() && static_cast<bool>(*request) == buffers, "exactly what is listed buffers",
          absl::StrCat(keyspace, "/", shard));
  const std::optional<ShardStats> stats = buffer.GetShardStats(keyspace, shard);
  if (!stats.has_value()) return Require(false, "the shard is known");
  const bool dry = !buffers && options.dry_run;
  Require(stats->requests_buffered_dry_run == (dry ? 1U : 0U), "exactly the others run dry");
  Require(stats->requests_skipped[SkippedReason::kDisabled] == (buffers || dry ? 0U : 1U),
          "a request to a shard that neither buffers nor runs dry is counted as disabled");
}

void CheckBuffer(BufferOptions options) {
  const std::vector<Item> items = *ReadList(options.keyspace_shards);
  SimulatedClock clock;
  options.clock = &clock;
  options.threading = Threading::kManual;
  options.max_bytes = 0;
  options.max_shards = 1000;
  // The Buffer has enough slots for every probe.
  options.size = 1000;
  absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(options);
  Require(buffer.ok(), "Create accepts options that Validate accepts", buffer.status().ToString());
  CheckShard(**buffer, options, items, "no such keyspace", "0");
  for (std::size_t i = 0; i < items.size() && i < 20; ++i) {
    const std::string& keyspace = items[i].keyspace;
    if (keyspace.size() < kMaxNameLength) {
      CheckShard(**buffer, options, items, keyspace + "?", items[i].shard.value_or("0"));
    }
    // Each probe has a name of its own, so that no shard is asked twice.
    const std::string number = absl::StrCat("not listed ", i);
    CheckShard(**buffer, options, items, keyspace, number);
    if (items[i].shard.has_value()) CheckShard(**buffer, options, items, keyspace, *items[i].shard);
  }
}

// ---- The flags.

absl::CommandLineFlag& FlagOf(const char* name) {
  absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
  Require(flag != nullptr, "the flag exists", name);
  return *flag;
}

void SetFlag(const char* name, const std::string& value) {
  std::string error;
  Require(FlagOf(name).ParseFrom(value, &error), "a flag takes a value of its type",
          absl::StrCat(name, "=", value, ": ", error));
}

const char* Text(bool value) { return value ? "true" : "false"; }

// Options that pass through the flags must stay the same, and so must the verdict of Validate.
void CheckFlags(BufferOptions options) {
  options.shutdown_grace.reset();  // This option has no flag.
  SetFlag("enable_buffer", Text(options.enabled));
  SetFlag("enable_buffer_dry_run", Text(options.dry_run));
  SetFlag("buffer_window", absl::FormatDuration(options.window));
  SetFlag("buffer_size", absl::StrCat(options.size));
  SetFlag("buffer_max_failover_duration", absl::FormatDuration(options.max_failover_duration));
  SetFlag("buffer_min_time_between_failovers",
          absl::FormatDuration(options.min_time_between_failovers));
  SetFlag("buffer_drain_concurrency", absl::StrCat(options.drain_concurrency));
  SetFlag("buffer_keyspace_shards", options.keyspace_shards);
  SetFlag("buffer_max_bytes", absl::StrCat(options.max_bytes));
  SetFlag("buffer_max_shards", absl::StrCat(options.max_shards));
  const absl::StatusOr<BufferOptions> got = BufferOptionsFromFlags();
  CheckVerdict(got.status(), FirstBroken(options));
  if (!got.ok()) return;
  const bool same = got->enabled == options.enabled && got->dry_run == options.dry_run &&
                    got->window == options.window && got->size == options.size &&
                    got->max_failover_duration == options.max_failover_duration &&
                    got->min_time_between_failovers == options.min_time_between_failovers &&
                    got->drain_concurrency == options.drain_concurrency &&
                    got->keyspace_shards == options.keyspace_shards &&
                    got->max_bytes == options.max_bytes && got->max_shards == options.max_shards;
  Require(same, "each flag sets its own option");
}

// After any text, a flag must have a value that the flag would accept again. If the flag refuses
// the text, it must keep the value that it had.
void CheckFlagText(FuzzInput& input) {
  static constexpr std::array<const char*, 10> kNames = {
      "enable_buffer",          "enable_buffer_dry_run",
      "buffer_window",          "buffer_size",
      "buffer_max_bytes",       "buffer_max_failover_duration",
      "buffer_max_shards",      "buffer_min_time_between_failovers",
      "buffer_keyspace_shards", "buffer_drain_concurrency"};
  absl::CommandLineFlag& flag = FlagOf(kNames[input.Below(kNames.size())]);
  const std::string text = input.Line();
  const std::string before = flag.CurrentValue();
  std::string error;
  if (!flag.ParseFrom(text, &error)) {
    Require(!error.empty() && flag.CurrentValue() == before, "a refused text changes no flag",
            text);
  }
  const std::string after = flag.CurrentValue();
  Require(flag.ParseFrom(after, &error) && flag.CurrentValue() == after,
          "a flag takes the value that it shows", after);
}

// ---- The input: first numbers, then the text of one flag on a line, then the list.

absl::Duration ReadDuration(FuzzInput& input) {
  switch (input.Below(8)) {
    case 0:
      return absl::InfiniteDuration();
    case 1:
      return -absl::InfiniteDuration();
    case 2:
      return absl::Nanoseconds(static_cast<std::int64_t>(input.Number(8)));
    case 3:
      return absl::Seconds(static_cast<std::int64_t>(input.Number(8)));
    case 4:
      return absl::Seconds(1) - absl::Nanoseconds(1);
    default:
      return absl::Seconds(input.Byte());
  }
}

std::int64_t ReadCount(FuzzInput& input) {
  if (input.Below(8) == 0) return static_cast<std::int64_t>(input.Number(8));
  return static_cast<std::int8_t>(input.Byte());
}

BufferOptions ReadNumbers(FuzzInput& input) {
  BufferOptions options;
  const std::uint8_t bits = input.Byte();
  options.enabled = (bits & 1) != 0;
  options.dry_run = (bits & 2) != 0;
  // Most runs have good numbers, so that they get as far as the list.
  if ((bits & 4) == 0) return options;
  options.window = ReadDuration(input);
  options.max_failover_duration = ReadDuration(input);
  options.min_time_between_failovers = ReadDuration(input);
  options.size = ReadCount(input);
  options.drain_concurrency = ReadCount(input);
  options.max_shards = ReadCount(input);
  options.max_bytes = input.Number(8);
  if ((bits & 8) != 0) options.shutdown_grace = ReadDuration(input);
  return options;
}

void Run(FuzzInput input) {
  BufferOptions options = ReadNumbers(input);
  CheckFlagText(input);
  options.keyspace_shards = input.Rest();
  const std::string broken = FirstBroken(options);
  CheckVerdict(options.Validate(), broken);
  if (broken.empty()) CheckBuffer(options);
  CheckFlags(options);
}

}  // namespace
}  // namespace failover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::test::SilenceTheLog();
  failover::fuzz::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}
