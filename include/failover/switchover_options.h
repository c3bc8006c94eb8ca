// The options of a planned switchover, and what is told about its progress.
#ifndef FAILOVER_SWITCHOVER_OPTIONS_H_
#define FAILOVER_SWITCHOVER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

// What happens when transactions are left at the end of SwitchoverOptions::transaction_grace.
enum class OnOverdue : std::uint8_t {
  kAbort,    // the switchover is called off, and everything is released to the old primary
  kProceed,  // everything is held. The transactions that are left fail when the primary changes
};

// What releases the held requests to another primary.
enum class SwitchoverRelease : std::uint8_t {
  // Switchover::Commit, or a report of another primary that ends a failover, too.
  kOnNewPrimary,
  // Switchover::Commit only.
  kOnCommit,
};

// How Buffer::BeginSwitchover behaves. Copyable. Not thread-safe, as any plain struct.
struct SwitchoverOptions {
  // For how long the transactions that run may go on, while new transactions are held. At least
  // zero.
  absl::Duration transaction_grace = absl::Seconds(3);
  OnOverdue on_overdue = OnOverdue::kAbort;
  // The switchover is called off after so long, from BeginSwitchover on. If this is unset,
  // BufferOptions::window. More than zero, and at most BufferOptions::window, so that the window of
  // no request ends before the switchover does.
  std::optional<absl::Duration> hold_timeout = {};
  SwitchoverRelease release = SwitchoverRelease::kOnNewPrimary;
};

enum class SwitchoverStage : std::uint8_t {
  kTransactionsEnd,  // new transactions are held, statements pass
  kAllHeld,          // everything is held
  kEnded,
};

// How a switchover ended.
enum class SwitchoverEnd : std::uint8_t {
  kCommitted,   // Switchover::Commit
  kNewPrimary,  // another primary was reported (SwitchoverRelease::kOnNewPrimary)
  // The shard is gone after a resharding, or its tables are served by another keyspace.
  kShardGone,
  // The remaining ones release everything to the old primary.
  kAborted,   // Switchover::Abort, the destructor, or Buffer::StopBuffering
  kOverdue,   // transactions were left at the end of transaction_grace (OnOverdue::kAbort)
  kTimedOut,  // hold_timeout is over
  kShutdown,  // Buffer::Shutdown
};

// Returns the name of a value without its leading k: "Committed", "AllHeld".
FAILOVER_EXPORT std::string_view ToString(SwitchoverStage stage);
FAILOVER_EXPORT std::string_view ToString(SwitchoverEnd end);

// The counted work (RequestContext::work) that has begun and not ended.
struct WorkInFlight {
  std::uint64_t statements = 0;
  std::uint64_t transactions = 0;

  friend bool operator==(WorkInFlight a, WorkInFlight b) {
    return a.statements == b.statements && a.transactions == b.transactions;
  }
  friend bool operator!=(WorkInFlight a, WorkInFlight b) { return !(a == b); }
};

// A copy of where a switchover stands.
struct SwitchoverProgress {
  SwitchoverStage stage = SwitchoverStage::kEnded;
  // May be too high by requests that are just being refused. Never too low in the stage kAllHeld.
  WorkInFlight in_flight = {};
  // Everything is held, and nothing that was counted is in flight. Stays true until the switchover
  // ends, and after its end says whether it was quiet when it ended.
  bool quiet = false;
  // nullopt until the switchover has ended.
  std::optional<SwitchoverEnd> end = {};
};

}  // namespace failover

#endif  // FAILOVER_SWITCHOVER_OPTIONS_H_
