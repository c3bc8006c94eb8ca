#include "watch/primary_tracker.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "watch/finding.h"

namespace failover::watch::internal {
namespace {

constexpr char kNotTrusted[] = "takes writes, but is not trusted as the primary";

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
    case Seen::kUnknown:
      return "could not be asked";
  }
  return "?";
}

std::string Describe(Seen seen, const std::string& problem) {
  if (problem.empty()) return Describe(seen);
  return absl::StrCat(Describe(seen), ": ", problem);
}

// The same, and what a check leaves open that tells nothing.
std::string DescribeCheck(Seen seen, const std::string& problem) {
  std::string text = Describe(seen, problem);
  if (!Tells(seen)) absl::StrAppend(&text, ". This does not tell whether the server takes writes");
  return text;
}

// The state of a server that was seen like this. nullopt: the server takes writes, so what the
// state is depends on the other servers.
std::optional<ServerState> StateOfSeen(Seen seen) {
  switch (seen) {
    case Seen::kWritable:
      return std::nullopt;
    case Seen::kReadOnly:
      return ServerState::kReplica;
    case Seen::kNotReady:
      return ServerState::kNotReady;
    case Seen::kRefused:
      return ServerState::kRefused;
    case Seen::kFull:
      return ServerState::kFull;
    case Seen::kUnreachable:
      return ServerState::kUnreachable;
    case Seen::kHung:
      return ServerState::kHung;
    case Seen::kUnknown:
      return ServerState::kUnknown;
  }
  return ServerState::kUnknown;
}

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
      election_(servers.size()),
      servers_(servers.size()) {
  for (std::size_t i = 0; i < servers.size(); ++i) servers_[i].name = std::move(servers[i]);
}

void PrimaryTracker::CheckStarted(std::size_t server, absl::Time observed_at) {
  servers_[server].began = observed_at;
  election_.CheckStarted(server);
}

Findings PrimaryTracker::CheckEnded(std::size_t server, Observation observation, absl::Time now) {
  Server& checked = servers_[server];
  const std::uint64_t term_before = election_.term();
  Findings findings;
  findings.check_others = ChangesTheShard(server, observation);
  if (checked.seen != observation.seen) LogServer(server, observation, findings);
  checked.seen = observation.seen;
  checked.problem = observation.problem;
  if (Tells(observation.seen)) {
    checked.told = checked.began;
    if (Answers(observation.seen)) checked.answered_at = checked.began;
  }

  election_.CheckEnded(server, std::move(observation));
  if (election_.term() != term_before) {
    // Two switches may happen within one microsecond, and the wall clock may be set back.
    reported_term_ = std::max(absl::ToUnixMicros(now), reported_term_ + 1);
  }
  LogSharedIdentity(findings);
  LogDistrust(findings);
  LogSituation(findings);
  CollectReports(server, findings);
  return findings;
}

// Whether what is known of the other servers may be old, now that `observation` was made. The first
// check of a server says nothing about the others, because they are being checked anyway.
bool PrimaryTracker::ChangesTheShard(std::size_t server, const Observation& observation) const {
  if (!Tells(observation.seen) || !election_.checked(server)) return false;
  const Observation* const last = election_.last(server);
  if (last == nullptr || last->seen != observation.seen) return true;
  return Answers(observation.seen) && observation.identity != election_.identity(server);
}

ServerReport PrimaryTracker::ReportOf(std::size_t server) const {
  const Observation& last = *election_.last(server);
  ServerReport report;
  report.keyspace = keyspace_;
  report.shard = shard_;
  report.address = servers_[server].name.address;
  report.reachable = Answers(last.seen);
  report.problem = last.problem;
  const std::size_t speaker = election_.speaker(server);
  if (election_.primary() == server) {
    ReportPrimary(server, report);
  } else if (last.seen == Seen::kWritable && speaker != server) {
    report.problem = absl::StrCat("is the same server as ", NameOf(speaker));
  } else if (last.seen == Seen::kWritable && !election_.peer_of_primary(server)) {
    report.problem = kNotTrusted;
  } else {
    const bool replica = last.seen == Seen::kReadOnly || election_.known_as_replica(server) ||
                         election_.peer_of_primary(server);
    if (replica) report.role = ServerRole::kReplica;
    report.serving = last.seen == Seen::kReadOnly || last.seen == Seen::kWritable;
  }
  return report;
}

void PrimaryTracker::ReportPrimary(std::size_t server, ServerReport& report) const {
  report.role = ServerRole::kPrimary;
  report.term = reported_term_;
  report.serving = election_.situation() == Situation::kPrimary;
  if (!report.serving) {
    const Observation& last = *election_.last(election_.speaker(server));
    report.problem = Describe(last.seen, last.problem);
  }
  if (election_.distrusts(server)) report.problem = kNotTrusted;
  if (election_.situation() == Situation::kSplitBrain) report.problem = SplitBrainText();
}

void PrimaryTracker::CollectReports(std::size_t checked, Findings& findings) {
  const bool told = Tells(*servers_[checked].seen);
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (election_.last(i) == nullptr) continue;
    Server& server = servers_[i];
    ServerReport report = ReportOf(i);
    const bool changed = !server.reported.has_value() || !SameState(*server.reported, report);
    if (!changed && (i != checked || !told)) continue;
    server.stamp = StampOf(i, checked, report.serving);
    findings.reports.push_back(ToTabletStats(report, server.name.alias));
    findings.reports.back().observed_at = server.stamp;
    server.reported = std::move(report);
  }
  // The listener hears that the old primary has ended before it hears of the new primary.
  std::stable_partition(findings.reports.begin(), findings.reports.end(), [](const auto& stats) {
    return stats.target.tablet_type != TabletType::kPrimary;
  });
}

// A server that serves was asked at that time itself. One that does not serve may owe that to the
// check that has just ended, and the stamps of its reports must not go back.
absl::Time PrimaryTracker::StampOf(std::size_t server, std::size_t checked, bool serving) const {
  const Server& reported = servers_[server];
  if (serving) return reported.told;
  return std::max({reported.told, reported.stamp, servers_[checked].began});
}

std::vector<ServerView> PrimaryTracker::Views() const {
  std::vector<ServerView> views;
  views.reserve(servers_.size());
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[i];
    const ServerState state = StateOf(i);
    views.push_back({keyspace_, shard_, server.name.alias, server.name.address, state,
                     Printable(ReasonOf(i, state)), server.answered_at});
  }
  return views;
}

ServerState PrimaryTracker::StateOf(std::size_t server) const {
  if (!servers_[server].seen.has_value()) return ServerState::kNotChecked;
  if (const auto state = StateOfSeen(*servers_[server].seen); state.has_value()) return *state;
  if (election_.speaker(server) != server) return ServerState::kSameServer;
  if (election_.situation() == Situation::kSplitBrain) {
    const std::vector<std::size_t> contenders = election_.contenders();
    if (std::count(contenders.begin(), contenders.end(), server) > 0)
      return ServerState::kContender;
  }
  if (election_.situation() == Situation::kPrimary) {
    if (election_.primary() == server) return ServerState::kPrimary;
    if (election_.peer_of_primary(server)) return ServerState::kReplica;
  }
  return ServerState::kNotTrusted;
}

std::string PrimaryTracker::ReasonOf(std::size_t server, ServerState state) const {
  switch (state) {
    case ServerState::kPrimary:
    case ServerState::kReplica:
      return "";
    case ServerState::kNotChecked:
      return "was not checked yet";
    case ServerState::kSameServer:
      return absl::StrCat("is the same server as ", NameOf(election_.speaker(server)));
    case ServerState::kContender:
      return SplitBrainText();
    case ServerState::kNotTrusted:
      if (!election_.distrusts(server)) return kNotTrusted;
      return absl::StrCat("takes writes, but ", WhyDistrusted(server));
    default:
      return DescribeCheck(*servers_[server].seen, servers_[server].problem);
  }
}

void PrimaryTracker::LogServer(std::size_t server, const Observation& observation,
                               Findings& findings) const {
  const bool fine = observation.seen == Seen::kWritable || observation.seen == Seen::kReadOnly;
  findings.log.push_back(Line(
      fine ? LogLevel::kInfo : LogLevel::kWarning,
      absl::StrCat(NameOf(server), " ", DescribeCheck(observation.seen, observation.problem))));
}

void PrimaryTracker::LogSharedIdentity(Findings& findings) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const std::string& identity = election_.identity(i);
    for (std::size_t other = 0; other < i; ++other) {
      if (!SameServer(identity, election_.identity(other))) continue;
      if (servers_[i].shared_identity == identity) break;
      servers_[i].shared_identity = identity;
      findings.log.push_back(
          Line(LogLevel::kWarning, absl::StrCat(NameOf(i), " is the same server as ", NameOf(other),
                                                " (", identity, "): only one of them counts")));
      break;
    }
  }
}

void PrimaryTracker::LogDistrust(Findings& findings) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const bool distrusted = election_.distrusts(i);
    if (distrusted && !servers_[i].distrusted) {
      findings.log.push_back(Line(
          LogLevel::kWarning, absl::StrCat(NameOf(i), " takes writes, but ", WhyDistrusted(i))));
    }
    servers_[i].distrusted = distrusted;
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
  if (former_primary_ == election_.primary()) {
    if (election_.term() == term_) return absl::StrCat(name, " is the primary again");
    return absl::StrCat(name, " leads to another server now, which is the primary");
  }
  return absl::StrCat(name, " is the primary now, after ", NameOf(*former_primary_));
}

std::string PrimaryTracker::NoPrimaryText() const {
  if (!election_.primary().has_value()) return "there is no primary";
  const std::size_t primary = *election_.primary();
  const char* const state = election_.distrusts(primary)
                                ? kNotTrusted
                                : Describe(election_.last(election_.speaker(primary))->seen);
  return absl::StrCat("there is no primary: ", NameOf(primary), " ", state);
}

const char* PrimaryTracker::WhyDistrusted(std::size_t server) const {
  switch (election_.standing(server)) {
    case Standing::kForeign:
      return "its data are not those of the other servers: it is not trusted as the primary";
    case Standing::kOutdated:
      return "another server was promoted after it: it is not trusted as the primary as long as "
             "that server may take writes";
    case Standing::kUnproven:
      return "a server that cannot be reached was promoted as late or later: it is not trusted as "
             "the primary until it is promoted, or the other server has been read-only";
    case Standing::kNotNumbered:
    case Standing::kFirst:
      break;
  }
  return "nobody was seen to promote it: it is not trusted as the primary until it has been "
         "read-only";
}

std::string PrimaryTracker::SplitBrainText() const {
  const auto append_name = [this](std::string* out, std::size_t i) {
    absl::StrAppend(out, NameOf(i), election_.blind(i) ? ", as far as is known" : "");
  };
  return absl::StrCat(
      "more than one server takes writes, and none is trusted until only one does: ",
      absl::StrJoin(election_.contenders(), ", ", append_name));
}

std::string PrimaryTracker::NameOf(std::size_t server) const {
  const Name& name = servers_[server].name;
  return absl::StrCat(name.alias.cell, "-", name.alias.uid, " (", name.address, ")");
}

}  // namespace failover::watch::internal
