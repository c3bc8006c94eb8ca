// Turns what polls of a shard's servers have found into health reports and log lines: each once,
// when something changes.
#ifndef FAILOVER_SRC_MYSQL_PRIMARY_TRACKER_H_
#define FAILOVER_SRC_MYSQL_PRIMARY_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/log.h"
#include "failover/health_check.h"
#include "mysql/primary_election.h"

namespace failover::mysql::internal {

using failover::internal::LogLevel;

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

// What follows from a poll.
struct Findings {
  // Of the servers whose report has changed; a primary's comes last.
  std::vector<TabletStats> reports;
  std::vector<LogLine> log;
  // The other servers of the shard are to be polled at once: what is known of them may be old.
  bool poll_others = false;
};

// Plain data: no I/O, no clock, no thread; not thread-safe. Servers are known by their index.
class PrimaryTracker {
 public:
  struct Name {
    TabletAlias alias;
    std::string address;  // for people
  };

  PrimaryTracker(std::string keyspace, std::string shard, std::vector<Name> servers);

  void PollStarted(std::size_t server) { election_.PollStarted(server); }
  // `now` is wall time, from which reparent timestamps are made.
  Findings PollEnded(std::size_t server, Observation observation, absl::Time now);

 private:
  using Situation = PrimaryElection::Situation;

  TabletStats ReportOf(std::size_t server) const;
  void CollectReports(Findings& findings);

  void LogServer(std::size_t server, Findings& findings) const;
  void LogDistrust(Findings& findings);
  void LogSituation(Findings& findings);
  LogLine Line(LogLevel level, const std::string& text) const;
  std::string PrimaryText() const;
  std::string NoPrimaryText() const;
  std::string SplitBrainText() const;
  std::string NameOf(std::size_t server) const;

  const std::string keyspace_;
  const std::string shard_;
  const std::vector<Name> names_;

  PrimaryElection election_;
  // Strictly growing with the term of the election.
  std::int64_t reparent_timestamp_ = 0;

  // What was told last, by server; for the whole shard below.
  std::vector<std::optional<TabletStats>> reported_;
  std::vector<bool> distrusted_;
  Situation situation_ = Situation::kStarting;
  std::uint64_t term_ = 0;
  std::optional<std::size_t> former_primary_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PRIMARY_TRACKER_H_
