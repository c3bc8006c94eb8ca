#include "watch/primary_tracker.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace failover::watch::internal {
namespace {

const char* Describe(Seen seen) {
  switch (seen) {
    case Seen::kWritable:
      return "takes writes";
    case Seen::kReadOnly:
      return "is read-only";
    case Seen::kNotReady:
      return "is not ready";
    case Seen::kRefused:
      return "refuses the monitor";
    case Seen::kFull:
      return "has no connection left for the monitor";
    case Seen::kUnreachable:
      return "cannot be reached";
    case Seen::kHung:
      return "does not answer";
  }
  return "?";
}

std::string Describe(const Observation& observation) {
  if (observation.problem.empty()) return Describe(observation.seen);
  return absl::StrCat(Describe(observation.seen), ": ", observation.problem);
}

bool Answers(Seen seen) { return seen != Seen::kUnreachable && seen != Seen::kHung; }

bool SameState(const ServerReport& a, const ServerReport& b) {
  return a.role == b.role && a.reachable == b.reachable && a.serving == b.serving &&
         a.term == b.term;
}

}  // namespace

PrimaryTracker::PrimaryTracker(std::string monitor, std::string keyspace, std::string shard,
                               std::vector<Name> servers)
    : monitor_(std::move(monitor)),
      keyspace_(std::move(keyspace)),
      shard_(std::move(shard)),
      names_(std::move(servers)),
      election_(names_.size()),
      reported_(names_.size()),
      distrusted_(names_.size()) {}

Findings PrimaryTracker::CheckEnded(std::size_t server, Observation observation, absl::Time now) {
  const Observation* const before = election_.last(server);
  const bool first = before == nullptr;
  const bool changed = first || before->seen != observation.seen;
  const std::uint64_t term_before = election_.term();

  election_.CheckEnded(server, std::move(observation));
  if (election_.term() != term_before) {
    // Two switches may happen within one microsecond, and the wall clock may be set back.
    reported_term_ = std::max(absl::ToUnixMicros(now), reported_term_ + 1);
  }

  Findings findings;
  findings.check_others = changed && !first;
  if (changed) LogServer(server, findings);
  LogDistrust(findings);
  LogSituation(findings);
  CollectReports(findings);
  return findings;
}

ServerReport PrimaryTracker::ReportOf(std::size_t server) const {
  const Observation& last = *election_.last(server);
  ServerReport report;
  report.keyspace = keyspace_;
  report.shard = shard_;
  report.address = names_[server].address;
  report.reachable = Answers(last.seen);
  report.problem = last.problem;
  if (election_.primary() == server) {
    report.role = ServerRole::kPrimary;
    report.term = reported_term_;
    report.serving = election_.situation() == Situation::kPrimary;
    if (!report.serving) report.problem = Describe(last);
    if (election_.situation() == Situation::kSplitBrain) report.problem = SplitBrainText();
  } else if (last.seen == Seen::kWritable && !election_.peer_of_primary(server)) {
    report.problem = "takes writes, but is not trusted as the primary";
  } else {
    const bool replica = election_.known_as_replica(server) || election_.peer_of_primary(server);
    if (replica) report.role = ServerRole::kReplica;
    report.serving = last.seen == Seen::kReadOnly || last.seen == Seen::kWritable;
  }
  return report;
}

void PrimaryTracker::CollectReports(Findings& findings) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (election_.last(i) == nullptr) continue;
    ServerReport report = ReportOf(i);
    if (reported_[i].has_value() && SameState(*reported_[i], report)) continue;
    findings.reports.push_back(ToTabletStats(report, names_[i].alias));
    reported_[i] = std::move(report);
  }
  // The listener hears that the old primary has ended before it hears of the new primary.
  std::stable_partition(findings.reports.begin(), findings.reports.end(), [](const auto& stats) {
    return stats.target.tablet_type != TabletType::kPrimary;
  });
}

void PrimaryTracker::LogServer(std::size_t server, Findings& findings) const {
  const Observation& last = *election_.last(server);
  const bool fine = last.seen == Seen::kWritable || last.seen == Seen::kReadOnly;
  findings.log.push_back(Line(fine ? LogLevel::kInfo : LogLevel::kWarning,
                              absl::StrCat(NameOf(server), " ", Describe(last))));
}

void PrimaryTracker::LogDistrust(Findings& findings) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const bool distrusted = election_.distrusts(i);
    if (distrusted && !distrusted_[i]) {
      findings.log.push_back(
          Line(LogLevel::kWarning,
               absl::StrCat(NameOf(i),
                            " takes writes, but nobody was seen to promote it: it is not trusted "
                            "as the primary until it has been read-only")));
    }
    distrusted_[i] = distrusted;
  }
}

void PrimaryTracker::LogSituation(Findings& findings) {
  const Situation situation = election_.situation();
  if (situation == Situation::kSplitBrain && !election_.split_brain_confirmed()) return;
  if (situation == situation_ && election_.term() == term_) return;
  switch (situation) {
    case Situation::kStarting:
      break;
    case Situation::kPrimary:
      findings.log.push_back(Line(LogLevel::kInfo, PrimaryText()));
      break;
    case Situation::kNoPrimary:
      findings.log.push_back(Line(LogLevel::kWarning, NoPrimaryText()));
      break;
    case Situation::kSplitBrain:
      findings.log.push_back(Line(LogLevel::kError, SplitBrainText()));
      break;
  }
  situation_ = situation;
  term_ = election_.term();
  former_primary_ = election_.primary();
}

LogLine PrimaryTracker::Line(LogLevel level, const std::string& text) const {
  return {level, absl::StrCat(monitor_, ", shard ", keyspace_, "/", shard_, ": ", text)};
}

std::string PrimaryTracker::PrimaryText() const {
  const std::string name = NameOf(*election_.primary());
  if (!former_primary_.has_value()) return absl::StrCat(name, " is the primary");
  if (former_primary_ == election_.primary()) return absl::StrCat(name, " is the primary again");
  return absl::StrCat(name, " is the primary now, after ", NameOf(*former_primary_));
}

std::string PrimaryTracker::NoPrimaryText() const {
  if (!election_.primary().has_value()) return "there is no primary";
  const std::size_t primary = *election_.primary();
  return absl::StrCat("there is no primary: ", NameOf(primary), " ",
                      Describe(election_.last(primary)->seen));
}

std::string PrimaryTracker::SplitBrainText() const {
  const auto append_name = [this](std::string* out, std::size_t i) { out->append(NameOf(i)); };
  return absl::StrCat(
      "more than one server takes writes, and none is trusted until only one does: ",
      absl::StrJoin(election_.contenders(), ", ", append_name));
}

std::string PrimaryTracker::NameOf(std::size_t server) const {
  const Name& name = names_[server];
  return absl::StrCat(name.alias.cell, "-", name.alias.uid, " (", name.address, ")");
}

}  // namespace failover::watch::internal
