// Watches the MySQL or MariaDB servers of each shard and tells a Buffer (or any other
// HealthCheckStatsListener) which of them is the primary.
//
//   failover::mysql::MonitoredShard shard{"commerce", "0", {}};
//   failover::mysql::MonitoredServer server;
//   server.alias = {"zone1", 101};
//   server.host = "10.0.0.1";
//   server.user = "monitor";
//   server.password = password;
//   shard.servers.push_back(server);                     // and the others
//   failover::mysql::PrimaryMonitorOptions options;
//   options.shards.push_back(shard);
//   auto monitor = failover::mysql::PrimaryMonitor::Create(options, buffer.get());
//   if (!monitor.ok() || !(*monitor)->Start().ok()) ...
//
// The account needs no privilege but to connect (USAGE).
//
// Who is the primary
// ------------------
// A server takes writes if @@global.read_only and @@global.innodb_read_only are off and, as a node
// of a Galera cluster, it is ready (wsrep_ready). That alone makes no primary: a crashed primary
// that comes back takes writes, too, until somebody makes it a replica. So:
//
//  1. At first, when every server was polled once, the only server that takes writes is the
//     primary. If several do, or did when they were seen last, none is until the others were seen
//     read-only.
//  2. It remains the primary as long as it takes writes.
//  3. Another one replaces it only if
//      - the primary was seen not to take writes: it is read-only, or it cannot be reached,
//      - the other one was promoted, that is, seen read-only and later taking writes, and
//      - a poll of it that began after the primary was lost found it so.
//     A server that takes writes and was not promoted (a former primary that crashed, a replica
//     that was never set read-only) is not trusted until it has been read-only once.
//  4. Two servers at once: if one was promoted while the primary still takes writes, or two were
//     after it was lost, none is reported as serving until only one takes writes. Whatever a
//     Buffer holds then waits; what it does not hold goes on as before.
//  5. The nodes of one Galera cluster may all take writes. The primary remains until it is lost;
//     then the first one of the list that takes writes replaces it.
//
// So replicas must be read_only, at the latest when the monitor starts. A monitor cannot fence a
// server off: whoever promotes a server must make sure that the old primary takes no writes.
//
// What is reported
// ----------------
// Of each server, when something changes, never per poll:
//  - the primary: kPrimary. `serving` if rule 4 does not apply and the last poll found that it
//    takes writes. Its timestamp (microseconds since the Unix epoch, made strictly monotonic) grows
//    whenever another server becomes the primary, never when the same one returns.
//  - a server that is read-only, and a Galera node that is not the primary: kReplica, serving if it
//    answers. Whether it replicates, and how far behind it is, is not looked at.
//  - a server that takes writes and is not trusted, or was never seen: kUnknown, not serving.
// `up` is false if there is no connection or no answer within the timeout. Servers that refuse the
// monitor (wrong credentials, connection limit) are up and not serving. `last_error` says why.
// Reports of one poll come in this order: the new primary last.
//
// Log lines (spdlog's logger "failover") are written when something changes, never per poll, and
// hold no password.
#ifndef FAILOVER_MYSQL_PRIMARY_MONITOR_H_
#define FAILOVER_MYSQL_PRIMARY_MONITOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"

namespace failover::mysql {

// One server, and how to reach it: by `host` and `port`, or by `unix_socket`.
struct MonitoredServer {
  // Names it in reports and log lines; unique within its shard, and not empty.
  TabletAlias alias;
  // A name or a numeric address. A name is looked up for each new connection, on a thread that
  // lives as long as the look-up; if that fails, the addresses of the last one are used.
  std::string host;
  std::uint16_t port = 3306;
  // The path of a socket, at most 107 bytes. Then `host` must be empty and `port` does not matter.
  std::string unix_socket;
  std::string user;
  // Authentication that would send it in the clear is refused. The connection is not encrypted.
  std::string password;
};

// The servers that may become the primary of a shard.
struct MonitoredShard {
  std::string keyspace;
  std::string shard;
  std::vector<MonitoredServer> servers;
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT PrimaryMonitorOptions {
  std::vector<MonitoredShard> shards;
  // How often each server is polled: a change is seen after half of it on average, and that is how
  // much longer than necessary requests are held. A poll is one small question over a connection
  // that is kept. From 1 ms to 1 hour. A server that refuses the monitor is polled ten times less
  // often.
  absl::Duration poll_interval = absl::Milliseconds(100);
  // Each interval is longer or shorter by a random part of it, up to this one, so that many
  // routers do not poll in step. At least 0, less than 1.
  double jitter = 0.2;
  // How long a poll may take, all in all: look-up, connection and questions. From 1 ms to
  // 1 hour. A server that hangs is reported after this long.
  absl::Duration timeout = absl::Seconds(1);

  // OK, or kInvalidArgument with the name of the first field that is wrong, as in
  // "shards[0].servers[1].port".
  absl::Status Validate() const;
};

// Polls all servers with one thread and one connection each.
//
// Thread-safe. The listener is called on the monitor's thread, without a lock; it must not throw.
// While it works, nothing is polled.
class FAILOVER_EXPORT PrimaryMonitor {
 public:
  // `listener` is not owned and must outlive the monitor, or its Stop. Two listeners, for instance
  // a router's own table of primaries and a Buffer, take one that calls both: the table first, so
  // that it is up to date when the Buffer lets requests go.
  // kInvalidArgument: as PrimaryMonitorOptions::Validate, or there is no listener.
  // kResourceExhausted: the system gives no file descriptor.
  static absl::StatusOr<std::unique_ptr<PrimaryMonitor>> Create(
      const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener);
  // Stop. Not inside a call of the listener.
  ~PrimaryMonitor();

  PrimaryMonitor(const PrimaryMonitor&) = delete;
  PrimaryMonitor& operator=(const PrimaryMonitor&) = delete;

  // Begins to poll. kFailedPrecondition: it was started or stopped before. kResourceExhausted: the
  // system gives no thread.
  absl::Status Start();

  // Ends the thread and closes the connections; waits for both, which takes no longer than the
  // listener works. Afterwards the listener is not called any more. Idempotent. Inside a call of
  // the listener it does not wait: the thread ends after that call.
  void Stop();

 private:
  class Impl;
  explicit PrimaryMonitor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::mysql

#endif  // FAILOVER_MYSQL_PRIMARY_MONITOR_H_
