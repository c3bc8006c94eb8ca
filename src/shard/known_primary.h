// What a shard believes about its primary, from health reports and keyspace events.
#ifndef FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_
#define FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_

#include <cstdint>
#include <optional>

#include "failover/health_check.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

// Plain data: the mutex of the shard guards the object. docs/design.md ("What reports are taken to
// mean") has the rules. A function that throws std::bad_alloc has changed nothing, so the report
// can be repeated.
class KnownPrimary {
 public:
  // Takes in the report of a server that calls itself primary. Returns why a failover is over, if
  // the report says so.
  std::optional<StopReason> OnReport(Instant now, const TabletStats& stats);
  std::optional<StopReason> OnKeyspaceEvent(Instant now, const ShardEvent& event,
                                            MoveTablesState move_tables);

  // Whether requests should not be sent: the primary was seen serving, and does not serve now.
  bool IsKnownDown() const { return down_ && has_served_; }

  // A failover took too long, so the primary is not missed any longer. A serving report that came
  // meanwhile may have looked too old to be of a new primary. The next serving report is believed,
  // from whichever server it comes.
  void StopMissing() {
    if (down_) has_served_ = false;
  }

  // When another server was last reported to be the primary.
  Instant last_reparent() const { return last_reparent_; }

 private:
  void Become(Instant now, const TabletAlias& alias);

  std::optional<TabletAlias> alias_;
  std::int64_t reparent_timestamp_ = 0;
  bool has_served_ = false;
  bool down_ = false;
  Instant last_reparent_ = kLongAgo;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_
