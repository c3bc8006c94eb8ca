// The rules of failover/watch/primary_table.h for one shard.
#ifndef FAILOVER_SRC_WATCH_SHARD_PRIMARY_H_
#define FAILOVER_SRC_WATCH_SHARD_PRIMARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "failover/watch/primary_table.h"
#include "failover/watch/server_report.h"
#include "watch/primary_tracker.h"

namespace failover::watch::internal {

// What follows from a report.
struct TableNews {
  // The report of the server itself, and the reports of others that have changed. The report of the
  // primary comes last.
  std::vector<TabletStats> reports;
  std::vector<LogLine> log;
  // A line for the whole feed: its terms did not grow with a new primary. Empty otherwise.
  std::string terms_do_not_grow;
};

// The class does no I/O and knows no clock, no thread and no lock. It is not thread-safe.
class ShardPrimary {
 public:
  static constexpr std::size_t kMaxServers = 64;

  ShardPrimary(std::string keyspace, std::string shard);

  TableNews OnReport(const ServerReport& report);
  std::optional<TablePrimary> primary() const;

 private:
  struct Server {
    std::string address;
    bool reachable = false;
    // The server answers queries, whatever its role is.
    bool serving = false;
    bool writable = false;
    // The server was the primary, was replaced, and was not seen read-only since.
    bool unfenced = false;
    // The highest term that the feed told with the server; 0 for none.
    std::int64_t term = 0;
    // The times of the last report, and of the newest report that had a time.
    absl::Time observed_at = absl::InfinitePast();
    absl::Time newest = absl::InfinitePast();
    // The number of the last report of the server, and of all reports.
    std::uint64_t last_report = 0;
    std::string problem;
    // What the listener was told last, and the stamp.
    std::optional<ServerReport> told;
    absl::Time stamp = absl::InfinitePast();
    // The log says that the server is not trusted.
    bool distrusted = false;
  };

  // Returns the server of the address, which becomes known if it is not.
  std::size_t Find(const std::string& address);
  void ForgetOne();
  void Elect(std::size_t reported, std::int64_t term, TableNews& news);
  void Promote(std::size_t server, std::int64_t term, TableNews& news);
  // Whether the server takes writes and may be the primary, as far as rule 4 goes.
  bool Counts(const Server& server) const;
  // Whether two servers that count take writes.
  bool InConflict() const;
  // Names the servers that count, for the log.
  std::string Contenders() const;

  ServerReport ReportOf(std::size_t server) const;
  void CollectReports(std::size_t reported, TableNews& news);
  absl::Time StampOf(std::size_t server, std::size_t reported, bool serving) const;
  void LogChanges(TableNews& news);
  LogLine Line(LogLevel level, std::string_view text) const;

  const std::string keyspace_;
  const std::string shard_;

  std::vector<Server> servers_;
  std::optional<std::size_t> primary_;
  // The highest term of the feed.
  std::int64_t feed_term_ = 0;
  // The term that the listener is told.
  std::int64_t reported_term_ = 0;
  std::uint64_t reports_ = 0;
  // A server that was the primary was forgotten, so an unknown server may be that one.
  bool forgot_unfenced_ = false;
  // What was logged last.
  std::int64_t logged_term_ = 0;
  bool logged_writable_ = false;
  bool logged_conflict_ = false;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_SHARD_PRIMARY_H_
