#include "failover/stats.h"

#include <algorithm>

namespace failover {

absl::Duration HoldBudgetStats::LeftAt(absl::Time now) const {
  const absl::Duration later = left + per_second * (now - as_of);
  return std::max(std::min(later, most), absl::ZeroDuration());
}

std::string_view ToString(State state) {
  switch (state) {
    case State::kIdle:
      return "Idle";
    case State::kBuffering:
      return "Buffering";
    case State::kDraining:
      return "Draining";
  }
  return "?";
}

std::string_view ToString(StopReason reason) {
  switch (reason) {
    case StopReason::kNewPrimarySeen:
      return "NewPrimarySeen";
    case StopReason::kPrimaryServingAgain:
      return "PrimaryServingAgain";
    case StopReason::kMaxDurationExceeded:
      return "MaxDurationExceeded";
    case StopReason::kShutdown:
      return "Shutdown";
    case StopReason::kReshardingComplete:
      return "ReshardingComplete";
    case StopReason::kMoveTablesSwitchedTraffic:
      return "MoveTablesSwitchedTraffic";
    case StopReason::kManual:
      return "Manual";
    case StopReason::kRetrySucceeded:
      return "RetrySucceeded";
  }
  return "?";
}

std::string_view ToString(EvictedReason reason) {
  switch (reason) {
    case EvictedReason::kBufferFull:
      return "BufferFull";
    case EvictedReason::kWindowExceeded:
      return "WindowExceeded";
    case EvictedReason::kContextDone:
      return "ContextDone";
  }
  return "?";
}

std::string_view ToString(WayOut way) {
  switch (way) {
    case WayOut::kDrained:
      return "Drained";
    case WayOut::kBufferFull:
      return "BufferFull";
    case WayOut::kWindowExceeded:
      return "WindowExceeded";
    case WayOut::kContextDone:
      return "ContextDone";
  }
  return "?";
}

std::string_view ToString(SkippedReason reason) {
  switch (reason) {
    case SkippedReason::kBufferFull:
      return "BufferFull";
    case SkippedReason::kDisabled:
      return "Disabled";
    case SkippedReason::kShutdown:
      return "Shutdown";
    case SkippedReason::kLastReparentTooRecent:
      return "LastReparentTooRecent";
    case SkippedReason::kLastFailoverTooRecent:
      return "LastFailoverTooRecent";
    case SkippedReason::kBudgetUsedUp:
      return "BudgetUsedUp";
    case SkippedReason::kDraining:
      return "Draining";
  }
  return "?";
}

}  // namespace failover
