#include "watch/shard_primary.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace failover::watch::internal {
namespace {

constexpr char kConflict[] = "another server takes writes, too";
constexpr char kNotThePrimary[] = "takes writes, but is not trusted as the primary";
// How much of an address the line of a conflict shows.
constexpr std::size_t kMaxNamedBytes = 80;

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

bool TakesWrites(const ServerReport& report) {
  return report.reachable && report.serving && report.role == ServerRole::kPrimary;
}

bool SameState(const ServerReport& a, const ServerReport& b) {
  return a.role == b.role && a.reachable == b.reachable && a.serving == b.serving &&
         a.term == b.term;
}

}  // namespace

ShardPrimary::ShardPrimary(std::string keyspace, std::string shard)
    : keyspace_(std::move(keyspace)), shard_(std::move(shard)) {}

TableNews ShardPrimary::OnReport(const ServerReport& report) {
  TableNews news;
  const std::size_t index = Find(report.address);
  Server& server = servers_[index];
  if (report.observed_at != absl::InfinitePast() && report.observed_at < server.newest) {
    return news;
  }
  server.newest = std::max(server.newest, report.observed_at);
  server.last_report = ++reports_;
  server.observed_at = report.observed_at;
  server.reachable = report.reachable;
  server.serving = report.reachable && report.serving;
  server.writable = TakesWrites(report);
  server.problem = report.problem;
  if (server.reachable && !server.writable) server.unfenced = false;
  Elect(index, report.term, news);
  servers_[index].term = std::max(servers_[index].term, report.term);
  CollectReports(index, news);
  LogChanges(news);
  return news;
}

std::optional<TablePrimary> ShardPrimary::primary() const {
  if (!primary_.has_value()) return std::nullopt;
  const Server& server = servers_[*primary_];
  return TablePrimary{server.address, server.writable && !InConflict(), reported_term_};
}

std::size_t ShardPrimary::Find(const std::string& address) {
  const auto found =
      std::find_if(servers_.begin(), servers_.end(),
                   [&address](const Server& server) { return server.address == address; });
  if (found != servers_.end()) return static_cast<std::size_t>(found - servers_.begin());
  if (servers_.size() >= kMaxServers) ForgetOne();
  Server server;
  server.address = address;
  server.unfenced = forgot_unfenced_;
  servers_.push_back(std::move(server));
  return servers_.size() - 1;
}

void ShardPrimary::ForgetOne() {
  std::optional<std::size_t> oldest;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i].writable || primary_ == i) continue;
    if (!oldest || servers_[i].last_report < servers_[*oldest].last_report) oldest = i;
  }
  // If all others take writes, the limit does not hold. Nobody runs such a shard.
  if (!oldest) return;
  forgot_unfenced_ = forgot_unfenced_ || servers_[*oldest].unfenced;
  servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(*oldest));
  if (primary_ && *primary_ > *oldest) --*primary_;
}

bool ShardPrimary::Counts(const Server& server) const {
  if (!server.writable) return false;
  if (primary_.has_value() && &server == &servers_[*primary_]) return true;
  return !server.unfenced && (server.term == 0 || server.term >= feed_term_);
}

bool ShardPrimary::InConflict() const {
  return std::count_if(servers_.begin(), servers_.end(),
                       [this](const Server& server) { return Counts(server); }) > 1;
}

std::string ShardPrimary::Contenders() const {
  std::string names;
  for (const Server& server : servers_) {
    if (!Counts(server)) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    absl::CEscape(server.address.substr(0, kMaxNamedBytes)));
  }
  return names;
}

void ShardPrimary::Elect(std::size_t reported, std::int64_t term, TableNews& news) {
  Server& server = servers_[reported];
  if (server.writable && term > feed_term_) {
    Promote(reported, term, news);
    return;
  }
  server.term = std::max(server.term, term);
  if (primary_.has_value() && servers_[*primary_].writable) return;
  std::optional<std::size_t> candidate;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (!Counts(servers_[i])) continue;
    // Two servers take writes, so neither replaces the primary.
    if (candidate.has_value()) return;
    candidate = i;
  }
  if (candidate.has_value()) Promote(*candidate, servers_[*candidate].term, news);
}

void ShardPrimary::Promote(std::size_t server, std::int64_t term, TableNews& news) {
  const bool replaces = primary_.has_value() && *primary_ != server;
  if (replaces && term > 0 && term <= feed_term_) {
    news.terms_do_not_grow =
        absl::StrCat("the terms of the feed do not grow: ", absl::CEscape(servers_[server].address),
                     " replaces ", absl::CEscape(servers_[*primary_].address), " with the term ",
                     term, ", and the highest of before is ", feed_term_,
                     ". An old primary that comes back cannot be told by its term. Later cases are "
                     "not logged");
  }
  if (replaces)
    servers_[*primary_].unfenced = !servers_[*primary_].reachable || servers_[*primary_].writable;
  primary_ = server;
  servers_[server].unfenced = false;
  feed_term_ = std::max(feed_term_, term);
  reported_term_ = std::max(reported_term_ + 1, term);
}

ServerReport ShardPrimary::ReportOf(std::size_t index) const {
  const Server& server = servers_[index];
  ServerReport report;
  report.keyspace = keyspace_;
  report.shard = shard_;
  report.address = server.address;
  report.reachable = server.reachable;
  report.problem = server.problem;
  if (primary_ == index) {
    report.role = ServerRole::kPrimary;
    report.term = reported_term_;
    report.serving = server.writable && !InConflict();
    if (server.writable && !report.serving) report.problem = kConflict;
  } else if (server.writable) {
    report.problem = Counts(server) ? kConflict : kNotThePrimary;
  } else {
    report.role = ServerRole::kReplica;
    report.serving = server.serving;
  }
  return report;
}

void ShardPrimary::CollectReports(std::size_t reported, TableNews& news) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    ServerReport report = ReportOf(i);
    const bool changed = server.told.has_value() && !SameState(*server.told, report);
    if (i != reported && !changed) continue;
    server.stamp = StampOf(i, reported, report.serving);
    report.observed_at = server.stamp;
    news.reports.push_back(ToTabletStats(report));
    server.told = std::move(report);
  }
  // The listener hears that the old primary has ended before it hears of the new primary.
  std::stable_partition(news.reports.begin(), news.reports.end(), [](const auto& stats) {
    return stats.target.tablet_type != TabletType::kPrimary;
  });
}

// A server that serves was asked at that time itself. One that does not serve may owe that to the
// report of another server, and the stamps of its reports must not go back.
absl::Time ShardPrimary::StampOf(std::size_t server, std::size_t reported, bool serving) const {
  if (server == reported || serving) return servers_[server].observed_at;
  const absl::Time cause = servers_[reported].observed_at;
  return cause == absl::InfinitePast() ? cause : std::max(cause, servers_[server].stamp);
}

void ShardPrimary::LogChanges(TableNews& news) {
  for (Server& server : servers_) {
    const bool distrusted = server.writable && !Counts(server);
    if (distrusted && !server.distrusted) {
      news.log.push_back(Line(
          LogLevel::kWarning,
          absl::StrCat(absl::CEscape(server.address),
                       " takes writes, and is taken for an old primary: it was the primary, or "
                       "its term ",
                       server.term, " is below ", feed_term_)));
    }
    server.distrusted = distrusted;
  }
  if (!primary_.has_value()) return;
  const std::string name = absl::CEscape(servers_[*primary_].address);
  const bool conflict = InConflict();
  const bool writable = servers_[*primary_].writable;
  if (reported_term_ != logged_term_) {
    news.log.push_back(
        Line(LogLevel::kInfo, absl::StrCat(name, " is the primary, term ", reported_term_)));
  } else if (writable != logged_writable_) {
    news.log.push_back(Line(
        writable ? LogLevel::kInfo : LogLevel::kWarning,
        absl::StrCat("the primary ", name, writable ? " takes writes again" : " takes no writes")));
  }
  if (conflict != logged_conflict_) {
    news.log.push_back(
        conflict ? Line(LogLevel::kWarning,
                        absl::StrCat("several servers take writes, so none counts as serving until "
                                     "all but one are reported as read-only or lost: ",
                                     Contenders()))
                 : Line(LogLevel::kInfo, "no second server takes writes any more"));
  }
  logged_term_ = reported_term_;
  logged_writable_ = writable;
  logged_conflict_ = conflict;
}

LogLine ShardPrimary::Line(LogLevel level, std::string_view text) const {
  return {level, absl::StrCat("primary table, shard ", absl::CEscape(keyspace_), "/",
                              absl::CEscape(shard_), ": ", Piece(text))};
}

}  // namespace failover::watch::internal
