#include "shard/known_primary.h"

namespace failover::internal {

std::optional<StopReason> KnownPrimary::OnReport(Instant now, const TabletStats& stats) {
  const bool from_primary = alias_.has_value() && *alias_ == stats.alias;
  if (!stats.up || !stats.serving) {
    // Another server that goes away is no news. The timestamp of a server that does not serve is
    // not recorded either: the report of the recovery would then look old.
    if (alias_.has_value() && !from_primary) return std::nullopt;
    alias_ = stats.alias;
    down_ = true;
    return std::nullopt;
  }
  const bool newer = stats.tablet_externally_reparented_timestamp > reparent_timestamp_;
  // An old primary may still call itself the primary.
  if (!newer && !from_primary && has_served_) return std::nullopt;
  const bool was_down = from_primary && down_;
  // The copy of the alias may run out of memory, so it comes first.
  if (newer) {
    Become(now, stats.alias);
    reparent_timestamp_ = stats.tablet_externally_reparented_timestamp;
  } else {
    alias_ = stats.alias;
  }
  has_served_ = true;
  down_ = false;
  if (newer) return StopReason::kNewPrimarySeen;
  if (was_down) return StopReason::kPrimaryServingAgain;
  return std::nullopt;
}

std::optional<StopReason> KnownPrimary::OnKeyspaceEvent(Instant now, const ShardEvent& event,
                                                        MoveTablesState move_tables) {
  if (!event.alias.cell.empty() || event.alias.uid != 0) Become(now, event.alias);
  // A move that is under way says nothing about who serves.
  if (move_tables == MoveTablesState::kSwitching) return std::nullopt;
  has_served_ = event.serving && alias_.has_value();
  down_ = false;
  if (!event.serving) alias_.reset();
  if (move_tables == MoveTablesState::kSwitched) return StopReason::kMoveTablesSwitchedTraffic;
  return event.serving ? StopReason::kNewPrimarySeen : StopReason::kReshardingComplete;
}

void KnownPrimary::Become(Instant now, const TabletAlias& alias) {
  if (alias_.has_value() && *alias_ == alias) return;
  const bool known = alias_.has_value();
  alias_ = alias;
  has_served_ = false;
  down_ = false;
  if (known) last_reparent_ = now;
}

}  // namespace failover::internal
