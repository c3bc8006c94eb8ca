// What a monitor knows of a server at the moment, for a status page, for metrics, and for people.
// Health reports (TabletStats) tell less: nothing is reported while a server refuses the monitor,
// and a report does not say since when a server has been silent.
#ifndef FAILOVER_WATCH_SERVER_VIEW_H_
#define FAILOVER_WATCH_SERVER_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"

namespace failover::watch {

// What the last check of a server has found, and what follows from the checks of the others
// (failover/watch/monitor.h has the rules).
enum class ServerState : std::uint8_t {
  kNotChecked,  // no check has ended yet
  kPrimary,     // takes writes, and is the primary
  kReplica,     // read-only; or takes writes as a member of the primary's multi-writer cluster
  kContender,   // takes writes, and another server does too: none is trusted (rule 4)
  kNotTrusted,  // takes writes, but is not trusted as the primary
  kSameServer,  // takes writes, and another address speaks for the same server
  // The rest are those of Seen. After the last three of them the primary stays the primary.
  kNotReady,
  kUnreachable,
  kHung,
  kRefused,
  kFull,
  kUnknown,
};
inline constexpr std::size_t kServerStates = 12;

// Returns the name without its leading k: "NotTrusted".
FAILOVER_EXPORT std::string_view ToString(ServerState state);

// Copyable; not thread-safe, as any plain struct.
struct ServerView {
  // The server, as in MonitorOptions.
  std::string keyspace;
  std::string shard;
  TabletAlias alias;
  std::string address;

  ServerState state = ServerState::kNotChecked;
  // Why the server is not the primary or a replica, for people; empty if it is. At most 512 bytes
  // without control characters. The reason may quote an error of the server, so whoever shows the
  // reason must escape it.
  std::string reason;
  // When the check began to which the server answered last what it is (Seen::kWritable, kReadOnly
  // or kNotReady), on MonitorOptions::clock. A refusal is no such answer. nullopt: there was none.
  std::optional<absl::Time> answered_at;
};

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_SERVER_VIEW_H_
