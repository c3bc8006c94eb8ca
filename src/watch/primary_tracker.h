// Turns what checks of a shard's servers have found into health reports and log lines. Each report
// and each line is made once, when something changes.
#ifndef FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_
#define FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/log.h"
#include "failover/health_check.h"
#include "failover/watch/server_probe.h"
#include "failover/watch/server_report.h"
#include "watch/primary_election.h"

namespace failover::watch::internal {

using failover::internal::LogLevel;

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

// What follows from a check.
struct Findings {
  // The reports that have changed. The report of the primary comes last.
  std::vector<TabletStats> reports;
  std::vector<LogLine> log;
  // The other servers of the shard should be checked at once: what is known of them may be old.
  bool check_others = false;
};

// The class does no I/O and knows no clock and no thread. It is not thread-safe. A server is known
// by its index.
class PrimaryTracker {
 public:
  struct Name {
    TabletAlias alias;
    std::string address;
  };

  // `monitor` is what log lines call the monitor.
  PrimaryTracker(std::string monitor, std::string keyspace, std::string shard,
                 std::vector<Name> servers);

  void CheckStarted(std::size_t server) { election_.CheckStarted(server); }
  // `now` is the wall time; a new primary's term is made from it.
  Findings CheckEnded(std::size_t server, Observation observation, absl::Time now);

 private:
  using Situation = PrimaryElection::Situation;

  ServerReport ReportOf(std::size_t server) const;
  void CollectReports(Findings& findings);

  void LogServer(std::size_t server, Findings& findings) const;
  void LogDistrust(Findings& findings);
  void LogSituation(Findings& findings);
  LogLine Line(LogLevel level, const std::string& text) const;
  std::string PrimaryText() const;
  std::string NoPrimaryText() const;
  std::string SplitBrainText() const;
  std::string NameOf(std::size_t server) const;

  const std::string monitor_;
  const std::string keyspace_;
  const std::string shard_;
  const std::vector<Name> names_;

  PrimaryElection election_;
  // The term that reports tell: microseconds since the Unix epoch, made strictly monotonic. It
  // grows with the term of the election.
  std::int64_t reported_term_ = 0;

  // What was reported and logged last about each server.
  std::vector<std::optional<ServerReport>> reported_;
  std::vector<bool> distrusted_;
  // What was logged last about the whole shard.
  Situation situation_ = Situation::kStarting;
  std::uint64_t term_ = 0;
  std::optional<std::size_t> former_primary_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_
