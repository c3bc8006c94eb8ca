// What the Model believes of reports and keyspace events.
#include <algorithm>

#include "model.h"

namespace failover::simulation {

void Model::Report(const Step& report) {
  if (report.tablet_type != TabletType::kPrimary) return;
  Shard* const shard = Find(report.name);
  if (shard == nullptr) return;
  LookAtRetries(report.name);
  const bool serves = report.up && report.serving;
  absl::Time observed = now_;
  const absl::Time stamp = absl::UnixEpoch() + absl::Nanoseconds(report.observed_ns);
  const bool stamped = report.observed_ns != kNoStamp && stamp <= now_;
  if (stamped) {
    // Nothing from before the Buffer was made has an order.
    observed = std::max(stamp, absl::UnixEpoch() + absl::Nanoseconds(config_.clock_start_ns));
  } else if (serves) {
    observed = now_ - absl::Nanoseconds(config_.unstamped_report_delay_ns);
  }
  ModelServer& server = shard->servers[report.alias];
  if (stamped && server.newest.has_value() && *server.newest > observed) {
    ++shard->counters.reports_late;
    return ContinueDrain(report.name);
  }
  server.newest = std::max(server.newest.value_or(observed), observed);
  server.highest = std::max(server.highest.value_or(report.timestamp), report.timestamp);
  if (shut_down_) return;
  shard->latched_or_reported = now_;
  if (serves) {
    ServingReport(report.name, report, observed, stamped);
  } else {
    DownReport(report.name, report, observed);
  }
  ContinueDrain(report.name);
}

void Model::DownReport(std::size_t name, const Step& report, absl::Time observed) {
  Shard& shard = shards_[name];
  if (!shard.primary.has_value()) BelieveAnother(report.name, report.alias);
  if (shard.primary != report.alias) return;
  ModelServer& server = shard.servers[report.alias];
  server.highest_as_primary = server.highest;
  if (!shard.down || shard.refuted) shard.down_since = now_;
  shard.down = true;
  shard.refuted = false;
  shard.down_observed = observed;
  // The operator knew that.
  if (shard.excused) return;
  shard.down_tick = ++tick_;
  if (shard.state == State::kBuffering) {
    shard.down_since_begin = true;
    shard.returned_early = false;
    shard.on_suspicion = false;
  }
  if (shard.mode != Mode::kEnabled) return;
  if (shard.state == State::kDraining && ReportedDown(shard)) {
    shard.drain_waits_until = shard.down_since + absl::Nanoseconds(config_.down_confirmation_ns);
  }
}

void Model::BelieveAnother(std::size_t name, std::uint8_t alias) {
  Shard& shard = shards_[name];
  // A primary that was given up meanwhile counts, too.
  if (shard.had_primary) ++shard.epoch;
  shard.had_primary = true;
  shard.primary = alias;
  shard.replaced_at.reset();
  shard.servers[alias].highest_as_primary = shard.servers[alias].highest;
  shard.seen_serving = false;
  shard.down = shard.given_up = false;
  // The first server that is believed in a switchover without a primary is the primary of before.
  for (auto& [id, switchover] : switchovers_) {
    if (switchover.name == name && !switchover.old_primary.has_value()) {
      switchover.old_primary = alias;
    }
  }
}

// E4: the server serves in place of the believed primary, which is down.
bool Model::Replaces(const Shard& shard, std::uint8_t alias, std::int64_t term) const {
  if (!shard.primary.has_value() || shard.primary == alias) return false;
  if (!shard.down || !shard.seen_serving) return false;
  const std::optional<std::int64_t>& highest = shard.servers[*shard.primary].highest;
  if (highest.has_value() && term < *highest) return false;
  const std::optional<std::int64_t>& then = shard.servers[alias].highest_as_primary;
  return !then.has_value() || term > *then;
}

void Model::ServingReport(std::size_t name, const Step& report, absl::Time observed, bool stamped) {
  Shard& shard = shards_[name];
  ModelServer& server = shard.servers[report.alias];
  const bool first_after_commit = !shard.primary.has_value() && shard.replaced_at.has_value();
  if (first_after_commit && observed <= *shard.replaced_at) return;
  const bool newer = report.timestamp > shard.newest_term;
  const bool other = shard.primary != report.alias;
  const bool another =
      newer || first_after_commit || Replaces(shard, report.alias, report.timestamp);
  if (other && !another && shard.seen_serving && shard.primary.has_value()) return;
  // E5 of a stamped report must have been observed after the report "down".
  const bool stale = stamped && shard.down && observed <= shard.down_observed;
  if (!other && !newer && (stale || shard.given_up)) return;
  const bool again = !other && shard.down;
  if (another && other && shard.primary.has_value()) shard.last_reparent = now_;
  shard.newest_term = std::max(shard.newest_term, report.timestamp);
  if (other) BelieveAnother(report.name, report.alias);
  if (again) ++shard.epoch;
  server.highest_as_primary = server.highest;
  shard.seen_serving = true;
  shard.down = shard.excused = shard.given_up = false;
  TakesWrites(shard);

  if (shard.state != State::kBuffering) return;
  const StopReason reason =
      another ? StopReason::kNewPrimarySeen : StopReason::kPrimaryServingAgain;
  if (!NewsEnd(name, reason)) return;
  if (another) return Stop(name, reason);
  if (shard.by_operator && !shard.down_since_begin) return;
  // Reports without a stamp count in the order in which they come.
  const absl::Time at = again && !stamped ? now_ : observed;
  const bool patient = shard.evidence_from > shard.began;
  if ((again && !patient) || at > shard.evidence_from) {
    Stop(name, StopReason::kPrimaryServingAgain);
  } else if (again) {
    shard.returned_early = true;
  }
}

void Model::HandleKeyspaceEvent(const Step& event) {
  for (std::size_t i = 0; i < event.news_count; ++i) {
    const ShardNews& news = event.news[i];
    Shard* const shard = Find(news.name);
    if (shard == nullptr) continue;
    LookAtRetries(news.name);
    if (shut_down_) continue;
    if (news.alias != 0 && shard->primary != news.alias) {
      if (shard->primary.has_value()) shard->last_reparent = now_;
      BelieveAnother(news.name, news.alias);
    }
    // An event about a move that is under way tells nothing else.
    if (event.move_tables_state == MoveTablesState::kSwitching) {
      ContinueDrain(news.name);
      continue;
    }
    ++shard->epoch;
    if (!news.serving) shard->primary.reset();
    shard->seen_serving = shard->primary.has_value();
    shard->down = shard->excused = shard->given_up = false;
    TakesWrites(*shard);
    StopReason reason =
        news.serving ? StopReason::kNewPrimarySeen : StopReason::kReshardingComplete;
    if (event.move_tables_state == MoveTablesState::kSwitched) {
      reason = StopReason::kMoveTablesSwitchedTraffic;
    }
    if (NewsEnd(news.name, reason)) Stop(news.name, reason);
    ContinueDrain(news.name);
  }
}

}  // namespace failover::simulation
