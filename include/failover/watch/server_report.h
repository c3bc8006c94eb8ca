// A report about one database server, in plain words, for those who find the primary by themselves
// and do not use Vitess:
//
//   failover::watch::ServerReport report;
//   report.keyspace = "shop";                      // as in Buffer::GetShard
//   report.shard = "0";
//   report.address = "10.0.0.2:3306";
//   report.role = failover::watch::ServerRole::kPrimary;
//   report.serving = true;
//   report.term = 7;                               // grows with each new primary
//   buffer->StatsUpdate(failover::watch::ToTabletStats(report));
//
// All types are plain data that own what they hold. Thread-safety: the function is pure and may be
// called from any thread.
#ifndef FAILOVER_WATCH_SERVER_REPORT_H_
#define FAILOVER_WATCH_SERVER_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"

namespace failover::watch {

enum class ServerRole : std::uint8_t { kUnknown, kPrimary, kReplica };

struct ServerReport {
  // The names of the database and of its shard, as Buffer::GetShard takes them.
  std::string keyspace = {};
  std::string shard = {};
  // Tells the servers of a shard apart: host and port, or the path of a socket.
  std::string address = {};
  ServerRole role = ServerRole::kUnknown;
  // The server answers. A server that does not answer counts as not serving.
  bool reachable = true;
  // The server answers queries. A primary that serves takes writes.
  bool serving = false;
  // A number that grows whenever another server becomes the primary of the shard, in any unit: a
  // counter, a timeline, or the time of the promotion. 0 for a server that is not the primary, and
  // if no term is known; a feed without terms reports through a PrimaryTable, which makes some.
  std::int64_t term = 0;
  // Why the server does not serve, for people.
  std::string problem = {};
  // When the server was asked, on the Buffer's clock (TabletStats::observed_at). The default means
  // that the time is not known.
  absl::Time observed_at = absl::InfinitePast();
};

// The same report in the words of Vitess, as a HealthCheckStatsListener takes it. `alias` names the
// server for its whole life. If `alias` is empty, the address becomes the cell of the alias.
FAILOVER_EXPORT TabletStats ToTabletStats(const ServerReport& report,
                                          const TabletAlias& alias = {});

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_SERVER_REPORT_H_
