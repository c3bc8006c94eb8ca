#include "failover/switchover_options.h"

namespace failover {

std::string_view ToString(SwitchoverStage stage) {
  switch (stage) {
    case SwitchoverStage::kTransactionsEnd:
      return "TransactionsEnd";
    case SwitchoverStage::kAllHeld:
      return "AllHeld";
    case SwitchoverStage::kEnded:
      return "Ended";
  }
  return "?";
}

std::string_view ToString(SwitchoverEnd end) {
  switch (end) {
    case SwitchoverEnd::kCommitted:
      return "Committed";
    case SwitchoverEnd::kNewPrimary:
      return "NewPrimary";
    case SwitchoverEnd::kShardGone:
      return "ShardGone";
    case SwitchoverEnd::kAborted:
      return "Aborted";
    case SwitchoverEnd::kOverdue:
      return "Overdue";
    case SwitchoverEnd::kTimedOut:
      return "TimedOut";
    case SwitchoverEnd::kShutdown:
      return "Shutdown";
  }
  return "?";
}

}  // namespace failover
