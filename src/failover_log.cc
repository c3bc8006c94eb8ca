#include "failover_log.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "log.h"

namespace failover::internal {
namespace {

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

// Names may come from clients: escaped, so that they cannot forge a line.
std::string NameOf(const ShardBuffer& shard) {
  return absl::StrCat("shard ", absl::CEscape(shard.keyspace()), "/", absl::CEscape(shard.shard()));
}

// With one decimal, as an operator reads it.
std::string InSeconds(absl::Duration duration) {
  return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(duration));
}

std::size_t CountLeading(std::string_view text, int (*is_kind)(int)) {
  std::size_t count = 0;
  while (count < text.size() && is_kind(static_cast<unsigned char>(text[count])) != 0) ++count;
  return count;
}

// " (errno 1290) (sqlstate HY000)", if the text has it in just this form; else nothing. Nothing but
// a number and five letters or digits can get through.
std::string_view NumbersOf(std::string_view text) {
  constexpr std::string_view kErrno = " (errno ";
  constexpr std::string_view kSqlstate = ") (sqlstate ";
  constexpr std::size_t kSqlstateSize = 5;
  const std::size_t begin = text.find(kErrno);
  if (begin == std::string_view::npos) return {};
  std::size_t end = begin + kErrno.size();
  end += CountLeading(text.substr(end), std::isdigit);
  if (text.substr(end, kSqlstate.size()) != kSqlstate) return {};
  end += kSqlstate.size();
  if (CountLeading(text.substr(end), std::isalnum) != kSqlstateSize) return {};
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

void LogStarted(const BufferOptions& options, const ShardBuffer& shard,
                const FailoverStarted& started, std::string_view cause) {
  Log(LogLevel::kInfo,
      absl::StrCat(NameOf(shard), ": ",
                   started.dry_run ? "dry run: would have started buffering" : "starting buffering",
                   " (window ", absl::FormatDuration(options.window), ", size ", options.size,
                   ", max failover duration ", absl::FormatDuration(options.max_failover_duration),
                   "), because of: ",
                   started.primary_known_down ? "its primary does not serve" : Piece(cause)));
}

void LogSkipped(const BufferOptions& options, const ShardBuffer& shard, const StartSkipped& skipped,
                std::string_view cause) {
  const bool reparent = skipped.guard == SkippedReason::kLastReparentTooRecent;
  Log(LogLevel::kInfo, absl::StrCat(NameOf(shard), ": ",
                                    skipped.dry_run ? "dry run: would not have started buffering"
                                                    : "not starting buffering",
                                    ", because the last ", reparent ? "reparent" : "failover",
                                    " was ", InSeconds(skipped.elapsed), " ago and at least ",
                                    absl::FormatDuration(options.min_time_between_failovers),
                                    " are required. It was asked for by: ",
                                    cause.empty() ? "its primary does not serve" : Piece(cause)));
}

void LogStopped(const BufferOptions& options, const ShardBuffer& shard,
                const FailoverStopped& stopped) {
  const bool too_long = stopped.lasted > options.window;
  Log(too_long ? LogLevel::kWarning : LogLevel::kInfo,
      absl::StrCat(NameOf(shard), ": ",
                   stopped.dry_run ? "dry run: would have stopped buffering" : "stopping buffering",
                   " after ", InSeconds(stopped.lasted), ", because ",
                   Piece(Explain(stopped.reason)), "; requests to drain: ", stopped.held,
                   too_long ? "; the failover outlasted the window, so requests that were held "
                              "first were let go before its end"
                            : ""));
}

}  // namespace

std::string ErrorForLog(const absl::Status& error) noexcept try {
  const std::string_view text(error.message().data(), error.message().size());
  return absl::StrCat(absl::StatusCodeToString(error.code()), Piece(NumbersOf(text)));
} catch (const std::bad_alloc&) {
  return {};
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
                absl::Time now, std::string_view cause) noexcept try {
  if (effects.started) LogStarted(options, shard, *effects.started, cause);
  if (effects.skipped) LogSkipped(options, shard, *effects.skipped, cause);
  if (effects.stopped) LogStopped(options, shard, *effects.stopped);
  if (effects.drained) {
    Log(LogLevel::kInfo, absl::StrCat(NameOf(shard), ": drain finished after ",
                                      InSeconds(now - effects.drained->began),
                                      ", requests drained: ", effects.drained->drained));
  }
} catch (const std::bad_alloc&) {
  // A log line is not worth a request.
}

}  // namespace failover::internal
