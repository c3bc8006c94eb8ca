// Turns what checks of a shard's servers have found into health reports and log lines. Each check
// that tells something is reported. Each log line is made once, when something changes.
#ifndef FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_
#define FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "failover/health_check.h"
#include "failover/log.h"
#include "failover/watch/server_probe.h"
#include "failover/watch/server_report.h"
#include "failover/watch/server_view.h"
#include "watch/primary_election.h"

namespace failover::watch::internal {

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

// What follows from a check.
struct Findings {
  // The report of the server that was checked, and the reports of the others that have changed. The
  // report of the primary comes last.
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

  // `observed_at` is the time for TabletStats::observed_at. It must be taken before the server is
  // asked, and must not go back from call to call.
  void CheckStarted(std::size_t server, absl::Time observed_at);
  // `now` is the wall time; a new primary's term is made from it.
  Findings CheckEnded(std::size_t server, Observation observation, absl::Time now);

  // What is known of the servers now, in their order.
  std::vector<ServerView> Views() const;

 private:
  using Situation = PrimaryElection::Situation;

  // What is known and was said about one server.
  struct Server {
    Name name;
    // When the check began that is under way or ended last, and the last one that told something.
    absl::Time began = absl::InfinitePast();
    absl::Time told = absl::InfinitePast();
    // What the last check has found, even if it told nothing.
    std::optional<Seen> seen;
    std::string problem;
    // When the last check began in which the server told what it is.
    std::optional<absl::Time> answered_at;
    // What was reported last, and its observed_at.
    std::optional<ServerReport> reported;
    absl::Time stamp = absl::InfinitePast();
    // What was logged last.
    bool distrusted = false;
    std::string shared_identity;
  };

  bool ChangesTheShard(std::size_t server, const Observation& observation) const;
  ServerReport ReportOf(std::size_t server) const;
  void ReportPrimary(std::size_t server, ServerReport& report) const;
  void CollectReports(std::size_t checked, Findings& findings);
  absl::Time StampOf(std::size_t server, std::size_t checked, bool serving) const;

  ServerState StateOf(std::size_t server) const;
  std::string ReasonOf(std::size_t server, ServerState state) const;

  void LogServer(std::size_t server, const Observation& observation, Findings& findings) const;
  void LogSharedIdentity(Findings& findings);
  void LogDistrust(Findings& findings);
  void LogSituation(Findings& findings);
  LogLine Line(LogLevel level, const std::string& text) const;
  std::string PrimaryText() const;
  std::string NoPrimaryText() const;
  const char* WhyDistrusted(std::size_t server) const;
  std::string SplitBrainText() const;
  std::string NameOf(std::size_t server) const;

  const std::string monitor_;
  const std::string keyspace_;
  const std::string shard_;

  PrimaryElection election_;
  // The term that reports tell: microseconds since the Unix epoch, made strictly monotonic. It
  // grows with the term of the election.
  std::int64_t reported_term_ = 0;

  std::vector<Server> servers_;
  // What was logged last about the whole shard.
  Situation situation_ = Situation::kStarting;
  std::uint64_t term_ = 0;
  std::optional<std::size_t> former_primary_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_PRIMARY_TRACKER_H_
