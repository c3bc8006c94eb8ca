// What a health check tells a Buffer about a shard's tablets (database servers).
//
// The types are plain data: they share nothing and own nothing but their values.
#ifndef FAILOVER_HEALTH_CHECK_H_
#define FAILOVER_HEALTH_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "failover/export.h"

namespace failover {

enum class TabletType : std::uint8_t { kUnknown, kPrimary, kReplica, kRdonly };

// Names one database server for its whole life, whatever its role is.
struct TabletAlias {
  std::string cell = {};
  std::uint32_t uid = 0;

  friend bool operator==(const TabletAlias& a, const TabletAlias& b) {
    return a.uid == b.uid && a.cell == b.cell;
  }
  friend bool operator!=(const TabletAlias& a, const TabletAlias& b) { return !(a == b); }
};

// What a tablet serves.
struct Target {
  std::string keyspace = {};
  std::string shard = {};
  TabletType tablet_type = TabletType::kUnknown;
};

// One health report of one tablet. A Buffer looks at reports of primaries only.
struct TabletStats {
  TabletAlias alias = {};
  Target target = {};
  // False means that the health check lost the tablet. Such a tablet counts as not serving.
  bool up = false;
  // True means that the tablet answers queries, and that it takes writes if it is a primary.
  bool serving = false;
  // When the tablet was last promoted, in any unit that grows with each reparent of the shard
  // (Vitess uses seconds since the Unix epoch). A newer value means a new primary. 0 means never.
  std::int64_t tablet_externally_reparented_timestamp = 0;
  // A text for people. A Buffer does not look at it.
  std::string last_error = {};
  // When the router's own check asked the server, on the Buffer's clock. A router that checks its
  // servers itself should set this: then a report that was overtaken by a newer one does no harm,
  // and a failover ends as soon as a check that began after it finds the primary serving. The
  // default means that the time is not known.
  absl::Time observed_at = absl::InfinitePast();
};

// Where a MoveTables (a move of tables to another keyspace) stands.
enum class MoveTablesState : std::uint8_t { kUnknown, kSwitching, kSwitched };

// One shard's part of a KeyspaceEvent.
struct ShardEvent {
  // The primary that the shard has now. An empty alias means that the event does not tell.
  TabletAlias alias = {};
  // Names the shard. Other types than kPrimary and kUnknown are ignored.
  Target target = {};
  // False means that the shard is gone: after a resharding other shards serve its key range.
  bool serving = false;
};

// A change of a keyspace that its watcher has seen to the end: a reparent, a resharding or a
// MoveTables. A shard that is not named is left alone.
struct KeyspaceEvent {
  // If this is empty, each target names its own keyspace.
  std::string keyspace = {};
  std::vector<ShardEvent> shards = {};
  MoveTablesState move_tables_state = MoveTablesState::kUnknown;
};

// What a health check calls. StatsUpdate must be thread-safe and must not block for long.
class FAILOVER_EXPORT HealthCheckStatsListener {
 public:
  virtual ~HealthCheckStatsListener();
  virtual void StatsUpdate(const TabletStats& stats) = 0;
};

}  // namespace failover

#endif  // FAILOVER_HEALTH_CHECK_H_
