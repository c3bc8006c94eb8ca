// Watches the PostgreSQL servers of each shard and tells a Buffer (or any other
// HealthCheckStatsListener) which of them is the primary.
//
//   failover::postgres::MonitoredShard shard{"commerce", "0", {}};
//   failover::postgres::MonitoredServer server;
//   server.alias = {"zone1", 101};
//   server.host = "10.0.0.1";
//   server.user = "monitor";
//   server.password = password;
//   shard.servers.push_back(server);                     // and the others
//   failover::postgres::PrimaryMonitorOptions options;
//   options.shards.push_back(shard);
//   auto monitor = failover::postgres::PrimaryMonitor::Create(options, buffer.get());
//   if (!monitor.ok() || !(*monitor)->Start().ok()) ...
//
// The role needs no privilege but to connect. Give the monitor a role of its own. See
// MonitoredServer::password for the methods of authentication that the role may use.
//
// A check ends after `timeout` whatever arrives, and reads at most 64 KB from a server. Each check
// is one question over a connection that is kept. So a smart shutdown of a server, which waits for
// all clients, waits for the monitor, too; a fast one does not.
//
// How the primary is found
// ------------------------
// A server takes writes if it is not in recovery, and if default_transaction_read_only is off in
// its configuration or for the database. The same setting of the monitor's own role does not count.
// The timelines are the numbers of the promotions, and the system identifier names the data
// (failover/watch/monitor.h, "Numbered promotions"). In short:
//
//  1. Of the servers of one cluster that take writes, the one on the highest timeline is the
//     primary, also if an old primary was not fenced off and takes writes, too.
//  2. If the primary is lost, a server that was promoted replaces it. An old primary on a lower
//     timeline does not, until the server on the higher one was seen in recovery.
//  3. Two servers on the same timeline are a fork of the data. While both take writes, none is
//     reported as serving.
//  4. A server with another system identifier than the primary is never trusted, unless it took the
//     place of the primary at its address.
//
// A restarted primary is the same primary. A primary that comes back on a higher timeline is a new
// one. A poll that says neither yes nor no, because the server refuses the monitor or this machine
// lacks something, changes nothing (failover/watch/monitor.h, "What the monitor cannot know"). Two
// addresses of one server count as one server.
//
// A monitor cannot fence a server off: whoever promotes a server must make sure that the old
// primary takes no writes.
//
// What is reported
// ----------------
// The reports are those of failover/watch/monitor.h: each poll is reported, changed or not, with
// the time when the poll began. Log lines (PrimaryMonitorOptions::log) are written when something
// changes, not with each poll, and hold no password.
//
// While a Buffer holds requests, the monitor should poll more often. Two lines tell the monitor
// (failover/watch/monitor_hook.h):
//
//   failover::watch::MonitorHook hook;
//   buffer_options.on_transition = hook;        // before Buffer::Create
//   options.hook = hook;                        // before PrimaryMonitor::Create
#ifndef FAILOVER_POSTGRES_PRIMARY_MONITOR_H_
#define FAILOVER_POSTGRES_PRIMARY_MONITOR_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/log.h"
#include "failover/postgres/monitored_server.h"
#include "failover/watch/monitor_hook.h"
#include "failover/watch/server_view.h"

namespace failover {

class Clock;

}  // namespace failover

namespace failover::postgres {

// The servers that may become the primary of a shard.
struct MonitoredShard {
  std::string keyspace;
  std::string shard;
  std::vector<MonitoredServer> servers;
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT PrimaryMonitorOptions {
  std::vector<MonitoredShard> shards;
  // How often each server is polled. A change is seen after half of the interval on average, so
  // requests are held longer than necessary by that time. A poll is one small question over a
  // connection that is kept. From 1 ms to 1 hour. A server that refuses the monitor is polled ten
  // times less often.
  absl::Duration poll_interval = absl::Milliseconds(100);
  // Each interval is longer or shorter by a random part of it, up to this part, so that many
  // routers do not poll in step. At least 0, less than 1.
  double jitter = 0.2;
  // How long a poll may take as a whole: look-up, connection and questions. From 1 ms to 1 hour. A
  // server that hangs is reported after this time.
  absl::Duration timeout = absl::Seconds(1);

  // How often the servers of a shard that holds requests are polled, where the monitor learns that
  // a shard does, the clock of the stamps of reports, and the log. failover/watch/monitor.h
  // explains these fields of MonitorOptions. The clock must be the Buffer's, is not owned and must
  // outlive the monitor; nullptr means Clock::Steady.
  absl::Duration urgent_interval = absl::Milliseconds(10);
  absl::Duration urgent_duration = absl::Seconds(3);
  absl::Duration hold_interval = absl::Milliseconds(50);
  std::optional<watch::MonitorHook> hook = {};
  Clock* clock = nullptr;
  LogFunction log = {};

  // OK, or kInvalidArgument with the name of the first field that is wrong, as in
  // "shards[0].servers[1].port". Validate looks whether the files that the options name can be
  // read, and so may wait for the file system.
  absl::Status Validate() const;
};

// Polls all servers with one thread, and with one connection to each server.
//
// Thread-safe. The listener is called on the monitor's thread, while no lock is held; the listener
// must not throw. While the listener works, no server is polled.
class FAILOVER_EXPORT PrimaryMonitor {
 public:
  // `listener` is not owned and must outlive the monitor, or its Stop. A router that has a table of
  // primaries of its own and a Buffer passes a listener that calls both: first the table, so that
  // the table is up to date when the Buffer releases requests.
  // kInvalidArgument: an option is wrong (PrimaryMonitorOptions::Validate), or there is no
  // listener. kResourceExhausted: the system gives no file descriptor.
  static absl::StatusOr<std::unique_ptr<PrimaryMonitor>> Create(
      const PrimaryMonitorOptions& options, HealthCheckStatsListener* listener);
  // Does the same as Stop. Must not be called inside a call of the listener.
  ~PrimaryMonitor();

  PrimaryMonitor(const PrimaryMonitor&) = delete;
  PrimaryMonitor& operator=(const PrimaryMonitor&) = delete;

  // Begins to poll. kFailedPrecondition: the monitor was started or stopped before.
  // kResourceExhausted: the system gives no thread.
  absl::Status Start();

  // Ends the thread and closes the connections. Stop waits for both, which takes no longer than the
  // listener works. The listener is not called any more afterwards. Idempotent. Inside a call of
  // the listener, Stop does not wait: the thread ends after that call.
  void Stop();

  // Polls all servers of the shard now; false if the monitor does not watch the shard. Cheap, never
  // waits, and may be called on any thread, also inside the listener and inside
  // BufferOptions::on_transition (watch::Monitor::CheckNow).
  bool CheckNow(std::string_view keyspace, std::string_view shard);

  // Tells the monitor that a shard of a Buffer changed its state, for an embedder whose Buffer ends
  // before the monitor. In any other order use PrimaryMonitorOptions::hook
  // (watch::Monitor::OnTransition).
  void OnTransition(const Transition& transition);

  // What the monitor knows of all servers now. Thread-safe (watch::Monitor::Servers).
  std::vector<watch::ServerView> Servers() const;

 private:
  class Impl;
  explicit PrimaryMonitor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::postgres

#endif  // FAILOVER_POSTGRES_PRIMARY_MONITOR_H_
