// Watches the servers of each shard through probes, and tells a HealthCheckStatsListener (a Buffer
// is one) which of them is the primary. The monitor knows no database: a module for a database
// gives the monitor its probes (failover/watch/server_probe.h).
//
//   failover::watch::WatchedShard shard{"shop", "0", {}};
//   shard.servers.push_back({{"zone1", 101}, "10.0.0.1:7000", make_probe});   // and the others
//   failover::watch::MonitorOptions options;
//   options.shards.push_back(shard);
//   auto monitor = failover::watch::Monitor::Create(options, buffer.get());
//   if (!monitor.ok() || !(*monitor)->Start().ok()) ...
//
// Who is the primary
// ------------------
// The probe of a server tells whether the server takes writes. That alone makes no primary: a
// primary that crashed and comes back takes writes, too, until somebody makes it a replica. So
// these rules hold:
//
//  1. At first, when every server was checked once, the only server that takes writes is the
//     primary. If several servers take writes, or did when they were seen last, there is no primary
//     until the others were seen read-only.
//  2. The primary remains the primary as long as it takes writes.
//  3. Another server replaces the primary only if
//      - the primary was seen not to take writes: it is read-only, or it cannot be reached,
//      - the other server was promoted, that is, it was seen read-only and later taking writes, and
//      - a check of the other server that began after the primary was lost found it taking writes.
//     A server that takes writes and was not promoted (a former primary that crashed, a replica
//     that was never set read-only) is not trusted until it has been read-only once.
//  4. Two servers may take writes at once: one was promoted while the primary still takes writes,
//     or two were promoted after the primary was lost. Then no server is reported as serving until
//     only one takes writes. Meanwhile a Buffer goes on holding what it holds, and other requests
//     go on as before.
//  5. The servers of one multi-writer cluster may all take writes. The primary remains until it is
//     lost; then the first server of the list that takes writes replaces it.
//
// So replicas must be read-only, at the latest when the monitor starts. A monitor cannot fence a
// server off: whoever promotes a server must make sure that the old primary takes no writes.
//
// What is reported
// ----------------
// A server is reported when something changes, not with each check:
//  - The primary is reported as kPrimary. The primary is `serving` if rule 4 does not apply and the
//    last check found that it takes writes. Its timestamp (microseconds since the Unix epoch, made
//    strictly monotonic) grows whenever another server becomes the primary, and never when the same
//    server returns.
//  - A server that is read-only is reported as kReplica. A server of a multi-writer cluster that is
//    not the primary is reported as kReplica, too. A replica is `serving` if it answers. The
//    monitor does not look at replication and its delay.
//  - A server that takes writes and is not trusted, or that was never seen, is reported as
//    kUnknown, not serving.
// `up` is false if there is no connection, or no answer within the timeout. A server that refuses
// the monitor (wrong credentials, connection limit) is up and not serving. `last_error` says why.
// If a check leads to several reports, the report of the new primary comes last.
//
// Log lines (spdlog's logger "failover") are written when something changes, not with each check.
// They hold what the probes say in Observation::problem.
#ifndef FAILOVER_WATCH_MONITOR_H_
#define FAILOVER_WATCH_MONITOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/watch/server_probe.h"

namespace failover::watch {

// One server, and how to check it.
struct WatchedServer {
  // Names the server in reports and log lines. Unique within the shard, and not empty.
  TabletAlias alias;
  // The address of the server, for log lines. Not empty.
  std::string address;
  // Must not be empty. Monitor::Create calls the factory once, on the thread of its caller.
  ProbeFactory make_probe;
};

// The servers that may become the primary of a shard.
struct WatchedShard {
  std::string keyspace;
  std::string shard;
  std::vector<WatchedServer> servers;
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT MonitorOptions {
  std::vector<WatchedShard> shards;
  // How often each server is checked. A change is seen after half of the interval on average, so
  // requests are held longer than necessary by that time. From 1 ms to 1 hour. A server that
  // refuses the monitor is checked ten times less often.
  absl::Duration poll_interval = absl::Milliseconds(100);
  // Each interval is longer or shorter by a random part of it, up to this part, so that many
  // routers do not check in step. At least 0, less than 1.
  double jitter = 0.2;
  // How long a check may take as a whole. From 1 ms to 1 hour. A server that hangs is reported
  // after this time.
  absl::Duration timeout = absl::Seconds(1);
  // What log lines call the monitor, as in "monitor, shard commerce/0: ...".
  std::string name = "monitor";

  // OK, or kInvalidArgument with the name of the first field that is wrong, as in
  // "shards[0].servers[1].alias".
  absl::Status Validate() const;
};

// Checks all servers with one thread.
//
// Thread-safe. The listener is called on the monitor's thread, while no lock is held; the listener
// must not throw. While the listener works, no server is checked.
class FAILOVER_EXPORT Monitor {
 public:
  // `listener` is not owned and must outlive the monitor, or its Stop.
  // kInvalidArgument: an option is wrong (MonitorOptions::Validate), there is no listener, or a
  // factory gave no probe. kResourceExhausted: the system gives no file descriptor.
  static absl::StatusOr<std::unique_ptr<Monitor>> Create(const MonitorOptions& options,
                                                         HealthCheckStatsListener* listener);
  // Does the same as Stop. Must not be called inside a call of the listener.
  ~Monitor();

  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Begins to check the servers. kFailedPrecondition: the monitor was started or stopped before.
  // kResourceExhausted: the system gives no thread.
  absl::Status Start();

  // Ends the thread and destroys the probes. Stop waits for both, which takes no longer than the
  // listener works. The listener is not called any more afterwards. Idempotent. Inside a call of
  // the listener, Stop does not wait: the thread ends after that call.
  void Stop();

 private:
  class Impl;
  explicit Monitor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_MONITOR_H_
