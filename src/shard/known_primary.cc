#include "shard/known_primary.h"

#include <algorithm>
#include <utility>

namespace failover::internal {
namespace {

// A shard remembers so many of its servers: the order of their reports, and who was believed when.
// Few shards have more servers that ever call themselves primary.
constexpr std::size_t kMostServers = 8;

}  // namespace

News KnownPrimary::OnReport(Instant now, const TabletStats& stats, Observed observed) {
  const std::size_t index = FindOrAdd(stats.alias);
  Server& server = servers_[index];
  if (observed.stamped && observed.at < server.newest) return News::kLate;
  server.newest = std::max(server.newest, observed.at);
  server.last_report = now;
  const std::int64_t term = stats.tablet_externally_reparented_timestamp;
  server.highest_term = std::max(server.highest_term, term);
  if (!stats.up || !stats.serving) return OnDown(now, index, observed);
  return OnServing(now, index, term, observed);
}

News KnownPrimary::OnDown(Instant now, std::size_t server, Observed observed) {
  // Another server that goes away is no news. The term of a server that does not serve is not taken
  // for the shard's either: the report of the recovery would then look old.
  if (believed_ != kNobody && believed_ != server) return News::kNothing;
  TakeAsPrimary(server);
  if (!IsDown()) down_since_ = now;
  down_ = true;
  refuted_ = false;
  down_observed_ = observed.at;
  // The primary need not have been seen serving: whatever happened before the report proves
  // nothing.
  return excused_ ? News::kNothing : News::kPrimaryDown;
}

News KnownPrimary::OnServing(Instant now, std::size_t server, std::int64_t term,
                             Observed observed) {
  // Nobody knew the primary that was replaced, and the report may still tell of that primary.
  const bool first_after_commit = believed_ == kNobody && replaced_at_ != kLongAgo;
  if (first_after_commit && observed.at <= replaced_at_) return News::kOldPrimary;
  const bool from_primary = believed_ == server;
  // Rule E3.
  const bool newer = term > highest_term_;
  if (!newer && from_primary && observed.stamped && down_ && observed.at <= down_observed_) {
    return News::kNothing;
  }
  if (from_primary && given_up_ && !newer) return News::kOldPrimary;
  // An old primary may still call itself the primary.
  const bool successor = newer || (!from_primary && Succeeds(servers_[server], term));
  if (!successor && !from_primary && has_served_) return News::kOldPrimary;
  const bool was_down = from_primary && down_;
  if (was_down) changed_ = true;
  if (successor && !from_primary && believed_ != kNobody) last_reparent_ = now;
  highest_term_ = std::max(highest_term_, term);
  Believe(server);
  if (successor || first_after_commit) return News::kNewPrimary;
  return was_down ? News::kServingAgain : News::kServing;
}

bool KnownPrimary::Succeeds(const Server& server, std::int64_t term) const {
  if (!down_ || !has_served_ || believed_ == kNobody) return false;
  if (term < servers_[believed_].highest_term) return false;
  // A server that was believed before may be an old primary that came back and was not fenced off.
  // A server that is not remembered may be one, too, if others were forgotten.
  const std::int64_t then =
      server.term_as_primary != kNoTerm ? server.term_as_primary : forgotten_term_;
  return then == kNoTerm || term > then;
}

void KnownPrimary::GiveUp(Instant now) {
  if (believed_ == kNobody) {
    replaced_at_ = now;
    return;
  }
  if (!IsDown()) down_since_ = now;
  down_observed_ = now;
  down_ = true;
  // Rule E4 asks for a primary that has served.
  has_served_ = true;
  refuted_ = false;
  excused_ = false;
  given_up_ = true;
}

void KnownPrimary::TakeAsPrimary(std::size_t server) {
  // Connections of before may lead to the server that was believed last, also if it was given up
  // meanwhile.
  changed_ |= believed_ != server && had_primary_;
  had_primary_ = true;
  if (believed_ != server) given_up_ = false;
  replaced_at_ = kLongAgo;
  believed_ = server;
  NoteTermAsPrimary(servers_[server]);
}

void KnownPrimary::Believe(std::size_t server) {
  TakeAsPrimary(server);
  has_served_ = true;
  down_ = false;
  excused_ = false;
  given_up_ = false;
}

std::optional<StopReason> KnownPrimary::OnKeyspaceEvent(Instant now, const ShardEvent& event,
                                                        MoveTablesState move_tables) {
  if (!event.alias.cell.empty() || event.alias.uid != 0) {
    const std::size_t server = FindOrAdd(event.alias);
    if (believed_ != server) {
      if (believed_ != kNobody) last_reparent_ = now;
      TakeAsPrimary(server);
      has_served_ = false;
      down_ = false;
    }
  }
  // A move that is under way says nothing about who serves.
  if (move_tables == MoveTablesState::kSwitching) return std::nullopt;
  has_served_ = event.serving && believed_ != kNobody;
  down_ = false;
  excused_ = false;
  given_up_ = false;
  changed_ = true;
  if (!event.serving) believed_ = kNobody;
  if (move_tables == MoveTablesState::kSwitched) return StopReason::kMoveTablesSwitchedTraffic;
  return event.serving ? StopReason::kNewPrimarySeen : StopReason::kReshardingComplete;
}

std::size_t KnownPrimary::Find(const TabletAlias& alias) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i].alias == alias) return i;
  }
  return kNobody;
}

std::size_t KnownPrimary::FindOrAdd(const TabletAlias& alias) {
  const std::size_t known = Find(alias);
  if (known != kNobody) return known;
  Server added;
  added.alias = alias;
  if (servers_.size() < kMostServers) {
    servers_.push_back(std::move(added));
    return servers_.size() - 1;
  }
  const std::size_t place = LeastWorthRemembering();
  forgotten_term_ = std::max(forgotten_term_, servers_[place].term_as_primary);
  servers_[place] = std::move(added);
  return place;
}

std::size_t KnownPrimary::LeastWorthRemembering() const {
  std::size_t least = kNobody;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (i == believed_) continue;
    if (least == kNobody || servers_[i].last_report < servers_[least].last_report) least = i;
  }
  return least;
}

}  // namespace failover::internal
