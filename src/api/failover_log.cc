#include "api/failover_log.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/log.h"

namespace failover::internal {
namespace {

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

// Names may come from clients. They are escaped, so that they cannot forge a log line.
std::string NameOf(const ShardBuffer& shard) {
  return absl::StrCat("shard ", absl::CEscape(shard.keyspace()), "/", absl::CEscape(shard.shard()));
}

// Returns the seconds with one decimal, as operators read them.
std::string InSeconds(std::chrono::duration<double> duration) {
  return absl::StrFormat("%.1fs", duration.count());
}

template <typename IsKind>
std::size_t CountLeading(std::string_view text, const IsKind& is_kind) {
  std::size_t count = 0;
  while (count < text.size() && is_kind(static_cast<unsigned char>(text[count]))) ++count;
  return count;
}

// Returns "(errno 1290) (sqlstate HY000)" if the text has it in exactly this form, and otherwise
// nothing. Nothing but a number and five letters or digits of the text can get through.
std::string_view NumbersOf(std::string_view text) {
  constexpr std::string_view kErrno = "(errno ";
  constexpr std::string_view kSqlstate = ") (sqlstate ";
  constexpr std::size_t kSqlstateSize = 5;
  const std::size_t begin = text.find(kErrno);
  if (begin == std::string_view::npos) return {};
  std::size_t end = begin + kErrno.size();
  end += CountLeading(text.substr(end), absl::ascii_isdigit);
  if (text.substr(end, kSqlstate.size()) != kSqlstate) return {};
  end += kSqlstate.size();
  if (CountLeading(text.substr(end), absl::ascii_isalnum) != kSqlstateSize) return {};
  end += kSqlstateSize;
  if (text.substr(end, 1) != ")") return {};
  return text.substr(begin, end + 1 - begin);
}

std::string_view Explain(StopReason reason) {
  switch (reason) {
    case StopReason::kNewPrimarySeen:
      return "a new primary was seen";
    case StopReason::kPrimaryServingAgain:
      return "the same primary serves again";
    case StopReason::kMaxDurationExceeded:
      return "the failover did not finish within max_failover_duration";
    case StopReason::kShutdown:
      return "shutdown";
    case StopReason::kReshardingComplete:
      return "the keyspace was resharded";
    case StopReason::kMoveTablesSwitchedTraffic:
      return "MoveTables has switched the traffic";
    case StopReason::kManual:
      return "it was told to stop";
  }
  return "";
}

std::string StartedLine(const BufferOptions& options, const ShardBuffer& shard,
                        const FailoverStarted& started, const std::string& cause) {
  return absl::StrCat(
      NameOf(shard), ": ",
      started.dry_run ? "dry run: would have started buffering" : "starting buffering", " (window ",
      absl::FormatDuration(options.window), ", size ", options.size, ", max failover duration ",
      absl::FormatDuration(options.max_failover_duration), "), because of: ",
      started.primary_known_down ? "its primary does not serve" : absl::string_view(cause));
}

std::string SkippedLine(const BufferOptions& options, const ShardBuffer& shard,
                        const StartSkipped& skipped, const std::string& cause) {
  const bool reparent = skipped.guard == SkippedReason::kLastReparentTooRecent;
  return absl::StrCat(
      NameOf(shard), ": ",
      skipped.dry_run ? "dry run: would not have started buffering" : "not starting buffering",
      ", because the last ", reparent ? "reparent" : "failover", " was ",
      InSeconds(skipped.elapsed), " ago and at least ",
      absl::FormatDuration(options.min_time_between_failovers),
      " are required. It was asked for by: ",
      cause.empty() ? "its primary does not serve" : absl::string_view(cause));
}

std::string StoppedLine(const ShardBuffer& shard, const FailoverStopped& stopped, bool too_long) {
  return absl::StrCat(
      NameOf(shard), ": ",
      stopped.dry_run ? "dry run: would have stopped buffering" : "stopping buffering", " after ",
      InSeconds(stopped.lasted), ", because ", Piece(Explain(stopped.reason)),
      "; requests to drain: ", stopped.held,
      too_long ? "; the failover outlasted the window, so requests that were held first were let "
                 "go before its end"
               : "");
}

std::string DrainedLine(const ShardBuffer& shard, const DrainFinished& drained, Instant now) {
  return absl::StrCat(NameOf(shard), ": drain finished after ", InSeconds(now - drained.began),
                      ", requests drained: ", drained.drained);
}

}  // namespace

LoggableError::LoggableError(const absl::Status& error) : code_(error.code()) {
  const std::string_view numbers = NumbersOf({error.message().data(), error.message().size()});
  if (numbers.size() <= numbers_.size()) size_ = numbers.copy(numbers_.data(), numbers_.size());
}

std::string LoggableError::ToString() const {
  if (code_ == absl::StatusCode::kOk) return {};
  return absl::StrCat(absl::StatusCodeToString(code_), size_ > 0 ? " " : "",
                      absl::string_view(numbers_.data(), size_));
}

void LogStartup(const BufferOptions& options) {
  if (!options.enabled && !options.dry_run) {
    Log(LogLevel::kInfo, "buffering is not enabled");
    return;
  }
  std::string line;
  if (options.enabled) {
    line = absl::StrCat("buffering is enabled for ",
                        options.keyspace_shards.empty() ? "all shards" : options.keyspace_shards);
  }
  if (options.dry_run) {
    absl::StrAppend(&line, line.empty() ? "" : "; ", "dry run for all ",
                    line.empty() ? "" : "other ", "shards");
  }
  Log(LogLevel::kInfo, line);
}

void LogEffects(const BufferOptions& options, const ShardBuffer& shard, const Effects& effects,
                Instant now, absl::FunctionRef<std::string()> make_cause) noexcept {
  if (effects.started) {
    Log(LogLevel::kInfo,
        [&] { return StartedLine(options, shard, *effects.started, make_cause()); });
  }
  if (effects.skipped) {
    Log(LogLevel::kInfo,
        [&] { return SkippedLine(options, shard, *effects.skipped, make_cause()); });
  }
  if (effects.stopped) {
    const bool too_long = absl::FromChrono(effects.stopped->lasted) > options.window;
    Log(too_long ? LogLevel::kWarning : LogLevel::kInfo,
        [&] { return StoppedLine(shard, *effects.stopped, too_long); });
  }
  if (effects.drained) {
    Log(LogLevel::kInfo, [&] { return DrainedLine(shard, *effects.drained, now); });
  }
}

}  // namespace failover::internal
