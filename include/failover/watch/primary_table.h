// Knows the primary of each shard, for routers that have no monitor of this library: from reports
// of a feed (a topology service, a cluster manager, health checks of the router's own), with or
// without a number that grows with each promotion.
//
//   failover::watch::PrimaryTable table(buffer.get());
//   failover::watch::ServerReport report;                 // for each thing that the feed tells
//   report.keyspace = "shop";
//   report.shard = "0";
//   report.address = "10.0.0.5:3306";
//   report.role = failover::watch::ServerRole::kPrimary;  // it takes writes ...
//   report.serving = true;                                // ... now
//   table.Report(report);
//   ...
//   std::optional<failover::watch::TablePrimary> primary = table.PrimaryOf("shop", "0");
//
// Servers are named by their addresses. A server takes writes if a report says `reachable`,
// `serving` and kPrimary. Report servers that are read-only or lost, too, and report a server that
// was removed as not reachable.
//
// How the primary is found
// ------------------------
//  1. A server that takes writes with a term above all terms of before is the primary.
//  2. As long as no primary is known, the first server that takes writes is the primary. A feed
//     without terms that begins while an old primary takes writes should report that one last.
//  3. The primary remains the primary as long as it takes writes.
//  4. When the primary takes no writes or is not reachable, the only other server that takes writes
//     replaces it. Servers that do not count here:
//      - a server whose term is below the highest, if the feed has terms;
//      - a server that was the primary before and was not seen read-only since: an old primary that
//        came back unfenced.
//  5. If two servers that count take writes at once, no server is reported as serving until only
//     one does. Meanwhile PrimaryOf says that the primary takes no writes.
//
// The table cannot fence a server off: whoever promotes a server must make sure that the old
// primary takes no writes.
//
// What is reported
// ----------------
// The listener (a Buffer is one) is told every report, in the words of Vitess, and what a report
// changes for other servers; the report of the primary comes last. Terms that are reported are the
// table's own: they grow with each new primary, also if those of the feed do not. A stamped report
// (ServerReport::observed_at) that is older than an earlier one of its server is dropped.
#ifndef FAILOVER_WATCH_PRIMARY_TABLE_H_
#define FAILOVER_WATCH_PRIMARY_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/log.h"
#include "failover/watch/server_report.h"

namespace failover::watch {

// What the table knows of the primary of a shard.
struct TablePrimary {
  std::string address;
  // The primary takes writes, and no other server that counts does.
  bool writable = false;
  // The term that the listener was told. It grows whenever another server becomes the primary.
  std::int64_t term = 0;
};

// Thread-safe. The number of servers that are remembered of a shard is limited to 64: then the one
// that was reported least recently is forgotten, unless it takes writes or is the primary.
class FAILOVER_EXPORT PrimaryTable {
 public:
  // `listener` may be null: then the table is only looked up. Otherwise it is not owned and must
  // outlive the table. It is called under no lock, one call at a time and in the order of the
  // reports, and must not throw. `log` is as BufferOptions::log: it gets a line when something
  // changes, and one line in all if the terms of the feed do not grow.
  explicit PrimaryTable(HealthCheckStatsListener* listener, LogFunction log = {});
  // No call may be under way.
  ~PrimaryTable();

  PrimaryTable(const PrimaryTable&) = delete;
  PrimaryTable& operator=(const PrimaryTable&) = delete;

  // The table is up to date before the listener is told, so a request that the report releases
  // finds the new primary. If another thread is telling the listener of an earlier report, that
  // thread tells of this one, too, and the call returns at once. May be called inside the listener.
  // kInvalidArgument names the field that is wrong: keyspace and shard have 1 to kMaxNameLength
  // bytes, the address is not empty, and the term is not negative. Such a report changes nothing.
  absl::Status Report(const ServerReport& report);

  // nullopt: no server of the shard was seen to take writes. Cheap, but takes a mutex.
  std::optional<TablePrimary> PrimaryOf(std::string_view keyspace, std::string_view shard) const;

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_PRIMARY_TABLE_H_
