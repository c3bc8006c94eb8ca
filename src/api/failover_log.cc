#include "api/failover_log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

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

std::string Text(std::chrono::nanoseconds duration) {
  return absl::FormatDuration(absl::FromChrono(duration));
}

template <typename IsKind>
std::size_t CountLeading(std::string_view text, const IsKind& is_kind) {
  std::size_t count = 0;
  while (count < text.size() && is_kind(static_cast<unsigned char>(text[count]))) ++count;
  return count;
}

// Returns "(errno 1290) (sqlstate HY000)", or "(sqlstate 57P01)" of a database without numbers, if
// the text has it in exactly this form, and otherwise nothing. Nothing but a number and five
// letters or digits of the text can get through.
std::string_view NumbersOf(std::string_view text) {
  constexpr std::string_view kErrno = "(errno ";
  constexpr std::string_view kSqlstate = "(sqlstate ";
  constexpr std::size_t kSqlstateSize = 5;
  const std::size_t sqlstate = text.find(kSqlstate);
  if (sqlstate == std::string_view::npos) return {};
  const std::size_t value = sqlstate + kSqlstate.size();
  const std::size_t end = value + kSqlstateSize;
  if (CountLeading(text.substr(value), absl::ascii_isalnum) != kSqlstateSize) return {};
  if (text.substr(end, 1) != ")") return {};
  const std::string_view numbers = text.substr(0, end + 1);

  const std::size_t begin = text.substr(0, sqlstate).rfind(kErrno);
  if (begin == std::string_view::npos) return numbers.substr(sqlstate);
  std::size_t behind = begin + kErrno.size();
  behind += CountLeading(text.substr(behind), absl::ascii_isdigit);
  const bool adjoins = text.substr(behind, sqlstate - behind) == ") ";
  return numbers.substr(adjoins ? begin : sqlstate);
}

std::string_view Explain(const ShardTerms& terms, const FailoverStopped& stopped) {
  switch (stopped.reason) {
    case StopReason::kNewPrimarySeen:
      return "a new primary was seen";
    case StopReason::kPrimaryServingAgain:
      return "the same primary serves again";
    case StopReason::kMaxDurationExceeded:
      if (stopped.planned) return "the planned switchover took too long";
      if (stopped.lasted >= terms.max_failover_duration) {
        return "the failover did not finish within max_failover_duration";
      }
      return "the shard may be held no longer: its suspicion was not confirmed, or its time of "
             "late is used up";
    case StopReason::kShutdown:
      return "shutdown";
    case StopReason::kReshardingComplete:
      return "the keyspace was resharded";
    case StopReason::kMoveTablesSwitchedTraffic:
      return "MoveTables has switched the traffic";
    case StopReason::kManual:
      return "it was told to stop";
    case StopReason::kRetrySucceeded:
      return "a retry succeeded";
  }
  return "";
}

std::string_view CauseWithoutError(HoldCause cause) {
  switch (cause) {
    case HoldCause::kFailedRequest:
      return "a request was refused";
    case HoldCause::kPrimaryDown:
      return "its primary does not serve";
    case HoldCause::kRefusedRetry:
      return "nobody told why";
    case HoldCause::kOperator:
      return "an operator";
    case HoldCause::kSwitchover:
      return "a planned switchover";
  }
  return "";
}

std::string StartedLine(const ShardTerms& terms, const ShardBuffer& shard,
                        const FailoverStarted& started, const std::string& cause) {
  const bool without_error = started.cause == HoldCause::kPrimaryDown || cause.empty();
  return absl::StrCat(
      NameOf(shard), ": ",
      started.dry_run ? "dry run: would have started buffering" : "starting buffering",
      started.on_suspicion ? " on a suspicion" : "", " (window ", Text(terms.window), ", size ",
      terms.size, ", max failover duration ", Text(terms.max_failover_duration),
      "), because of: ", started.cause == HoldCause::kRefusedRetry ? "a retry was refused: " : "",
      without_error ? Piece(CauseWithoutError(started.cause)) : absl::string_view(cause));
}

std::string WhySkipped(const ShardTerms& terms, const StartSkipped& skipped) {
  if (skipped.outlasted) {
    return "the last failover outlasted max_failover_duration, and nothing has shown since that "
           "the shard takes writes";
  }
  if (skipped.guard == SkippedReason::kBudgetUsedUp) {
    return absl::StrCat("the shard was held for max_failover_duration (",
                        Text(terms.max_failover_duration), ") of late");
  }
  const bool reparent = skipped.guard == SkippedReason::kLastReparentTooRecent;
  return absl::StrCat("the last ", reparent ? "reparent" : "failover", " was ",
                      InSeconds(skipped.elapsed), " ago and at least ",
                      Text(terms.min_time_between_failovers), " are required");
}

std::string SkippedLine(const ShardTerms& terms, const ShardBuffer& shard,
                        const StartSkipped& skipped, const std::string& cause) {
  return absl::StrCat(
      NameOf(shard), ": ",
      skipped.dry_run ? "dry run: would not have started buffering" : "not starting buffering",
      ", because ", WhySkipped(terms, skipped), ". It was asked for by: ",
      cause.empty() ? "its primary does not serve" : absl::string_view(cause));
}

// What was reported while a failover did not end, for the operator who wonders why.
std::string_view WhatWasSeen(const SeenInHold& seen) {
  if (!seen.any_report) return "no health report came meanwhile";
  if (seen.old_primary) {
    return "a server was reported to serve, but its timestamp is not above those of before, so it "
           "was taken for an old primary";
  }
  if (seen.serving_not_up) return "a report said serving, but not up";
  if (seen.late) return "reports came late, after newer ones of the same server";
  if (seen.primary_down) return "the primary was reported down, and no other server to serve";
  return "no report said that a primary serves";
}

std::string_view Explain(SwitchoverEnd end) {
  switch (end) {
    case SwitchoverEnd::kCommitted:
      return "it was committed";
    case SwitchoverEnd::kNewPrimary:
      return "another primary was seen";
    case SwitchoverEnd::kShardGone:
      return "the shard is gone";
    case SwitchoverEnd::kAborted:
      return "it was called off";
    case SwitchoverEnd::kOverdue:
      return "transactions were left at the end of transaction_grace";
    case SwitchoverEnd::kTimedOut:
      return "it was not committed within hold_timeout";
    case SwitchoverEnd::kShutdown:
      return "shutdown";
  }
  return "";
}

std::string SwitchoverLine(const ShardBuffer& shard, const SwitchoverNews& news) {
  std::string line = absl::StrCat(NameOf(shard), ": the planned switchover ");
  if (news.end.has_value()) {
    absl::StrAppend(&line, "ended, because ", Piece(Explain(*news.end)));
  } else {
    absl::StrAppend(&line, news.settled ? "is quiet" : "holds everything");
  }
  absl::StrAppend(&line, "; in flight: ", news.left.statements, " statements and ",
                  news.left.transactions, " transactions");
  return line;
}

std::string StoppedLine(const ShardTerms& terms, const ShardBuffer& shard,
                        const FailoverStopped& stopped, bool too_long) {
  const bool unfinished = stopped.reason == StopReason::kMaxDurationExceeded && !stopped.planned;
  return absl::StrCat(
      NameOf(shard), ": ",
      stopped.dry_run ? "dry run: would have stopped buffering" : "stopping buffering", " after ",
      InSeconds(stopped.lasted), ", because ", Piece(Explain(terms, stopped)),
      unfinished ? "; " : "", unfinished ? Piece(WhatWasSeen(stopped.seen)) : "",
      "; requests to drain: ", stopped.held,
      too_long ? "; the failover outlasted the window, so requests that were held first were let "
                 "go before its end"
               : "");
}

std::string DrainedLine(const ShardBuffer& shard, const DrainFinished& drained) {
  return absl::StrCat(NameOf(shard), ": drain finished after ", InSeconds(drained.lasted),
                      ", requests drained: ", drained.drained);
}

std::string TextOf(const std::optional<absl::Duration>& option) {
  return option.has_value() ? absl::FormatDuration(*option) : "unset";
}

std::string TextOf(bool option) { return option ? "true" : "false"; }

// The options that may change, with their values.
std::array<std::pair<absl::string_view, std::string>, 18> TextsOf(const BufferOptions& o) {
  return {{{"enabled", TextOf(o.enabled)},
           {"dry_run", TextOf(o.dry_run)},
           {"window", absl::FormatDuration(o.window)},
           {"size", absl::StrCat(o.size)},
           {"max_failover_duration", absl::FormatDuration(o.max_failover_duration)},
           {"min_time_between_failovers", absl::FormatDuration(o.min_time_between_failovers)},
           {"drain_concurrency", absl::StrCat(o.drain_concurrency)},
           {"drain_concurrency_max", absl::StrCat(o.drain_concurrency_max)},
           {"max_retry_time", TextOf(o.max_retry_time)},
           {"suspicion", absl::FormatDuration(o.suspicion)},
           {"probe_after", absl::FormatDuration(o.probe_after)},
           {"unstamped_report_delay", absl::FormatDuration(o.unstamped_report_delay)},
           {"down_confirmation", absl::FormatDuration(o.down_confirmation)},
           {"max_per_shard", absl::StrCat(o.max_per_shard)},
           {"keyspace_shards", absl::StrCat("'", o.keyspace_shards, "'")},
           {"max_bytes", absl::StrCat(o.max_bytes)},
           {"max_shards", absl::StrCat(o.max_shards)},
           {"shutdown_grace", TextOf(o.shutdown_grace)}}};
}

std::string ReconfiguredLine(const BufferOptions& before, const BufferOptions& after) {
  const auto was = TextsOf(before);
  const auto is = TextsOf(after);
  std::string changes;
  for (std::size_t i = 0; i < is.size(); ++i) {
    if (is[i].second == was[i].second) continue;
    absl::StrAppend(&changes, changes.empty() ? "" : ", ", is[i].first, " from ", was[i].second,
                    " to ", is[i].second);
  }
  if (changes.empty()) return "the options were read anew, and none has changed";
  return absl::StrCat("options changed: ", changes);
}

}  // namespace

LoggableError::LoggableError(const AttemptView& last) {
  std::string_view shown = last.why;
  if (last.error != nullptr) {
    code_ = last.error->code();
    shown = NumbersOf({last.error->message().data(), last.error->message().size()});
    if (shown.size() > text_.size()) shown = {};
  } else if (!last.ok()) {
    code_ = absl::StatusCode::kUnavailable;
  }
  size_ = shown.copy(text_.data(), text_.size());
}

std::string LoggableError::ToString() const {
  if (code_ == absl::StatusCode::kOk) return {};
  return absl::StrCat(absl::StatusCodeToString(code_), size_ > 0 ? " " : "",
                      absl::CEscape({text_.data(), size_}));
}

void LogStartup(const Logger& logger, const BufferOptions& options) {
  if (!options.enabled && !options.dry_run) {
    logger.Log(LogLevel::kInfo, "buffering is not enabled");
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
  logger.Log(LogLevel::kInfo, line);
}

void LogReconfigured(const Logger& logger, const BufferOptions& before,
                     const BufferOptions& after) noexcept {
  logger.Log(LogLevel::kInfo, [&] { return ReconfiguredLine(before, after); });
}

void LogRetriesLeft(const Logger& logger, std::int64_t retries) noexcept {
  logger.Log(LogLevel::kWarning, [&] {
    return absl::StrCat("the grace of the shutdown is over, and retries are still under way: ",
                        retries, ". The Buffer does not wait for them any longer");
  });
}

void LogPollerBlocked(const Logger& logger, const ShardBuffer& shard) noexcept {
  logger.Log(LogLevel::kError, [&] {
    return absl::StrCat(NameOf(shard),
                        ": a blocking wait was refused, because it was called inside a callback of "
                        "the same Buffer and would have stopped all callbacks and timers. Later "
                        "refusals of this kind are not logged");
  });
}

void LogUnpolled(const Logger& logger, const ShardBuffer& shard) noexcept {
  logger.Log(LogLevel::kWarning, [&] {
    return absl::StrCat(NameOf(shard),
                        ": a request is held, and Buffer::Poll was not called for 1 s. In "
                        "Threading::kManual without BufferOptions::wakeup it must be called at a "
                        "fixed rate, or callbacks and timers come late");
  });
}

void LogEffects(const Logger& logger, const ShardTerms& terms, const ShardBuffer& shard,
                const Effects& effects, absl::FunctionRef<std::string()> make_cause) noexcept {
  // The news of a switchover that has just begun comes after its beginning.
  const bool ended = effects.switchover.has_value() && effects.switchover->end.has_value();
  const auto log_switchover = [&] {
    logger.Log(LogLevel::kInfo, [&] { return SwitchoverLine(shard, *effects.switchover); });
  };
  if (ended) log_switchover();
  if (effects.stopped) {
    const bool too_long = effects.stopped->lasted > terms.window;
    logger.Log(too_long ? LogLevel::kWarning : LogLevel::kInfo,
               [&] { return StoppedLine(terms, shard, *effects.stopped, too_long); });
  }
  // A hold that begins right after the end of another comes second.
  if (effects.started) {
    logger.Log(LogLevel::kInfo,
               [&] { return StartedLine(terms, shard, *effects.started, make_cause()); });
  }
  if (effects.skipped) {
    logger.Log(LogLevel::kInfo,
               [&] { return SkippedLine(terms, shard, *effects.skipped, make_cause()); });
  }
  if (effects.switchover && !ended) log_switchover();
  if (effects.overdue) {
    logger.Log(LogLevel::kWarning, [&] {
      return absl::StrCat(NameOf(shard), ": ", effects.overdue->count,
                          " released retries did not end in max_retry_time; the drain goes on "
                          "without them, and they keep their slots");
    });
  }
  if (effects.drained) {
    logger.Log(LogLevel::kInfo, [&] { return DrainedLine(shard, *effects.drained); });
  }
}

}  // namespace failover::internal
