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
// How the primary is found
// ------------------------
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
// What the monitor cannot know
// ----------------------------
// A check may fail because of the monitor's own trouble: the server refuses the monitor's account,
// has no connection left for the monitor, or could not be asked at all (Seen::kRefused, kFull and
// kUnknown). Such a check says neither yes nor no. So the server counts as what it was when it was
// seen last, nothing is reported, and a warning is logged once. For the rules that means:
//  - The primary remains the primary, and remains reported as serving if it was.
//  - If another server is promoted meanwhile, rule 4 applies: the primary may still take writes. No
//    server is reported as serving until a check tells what the old primary is. "It cannot be
//    reached" tells enough. If the trouble lasts, somebody has to end it. The log says which server
//    is the reason.
//  - Rule 1 does not wait for a server that was never seen for such a reason. If that server is
//    seen at last, takes writes, and no other server was promoted meanwhile, rule 4 applies. The
//    server may then replace the first primary only when the first primary was seen read-only.
//
// Numbered promotions
// -------------------
// A database may number the promotions of its data (Observation::generation). Then the numbers of
// the servers that take writes decide, and not what the servers were before:
//  - The server with the highest number is the primary, also while an older primary still takes
//    writes. The older one is not trusted. It is trusted again when the newer one was seen
//    read-only, because then the newer one was given up.
//  - If the server with the highest number is lost, another server replaces it only if the other
//    server was promoted, by rule 3 or by a still higher number. An old primary that was left
//    behind does not.
//  - Two servers with the same number are a fork of the data, and rule 4 applies.
//  - A server with other data (Observation::history) than the primary's is not trusted. The address
//    of the primary itself may get other data, by an upgrade or from a backup, if no other server
//    of the old data took writes. As long as there is no primary, all servers that answer must have
//    the same data.
//  - A primary that returns with a higher number is a new primary.
//
// One server under two names
// --------------------------
// Two addresses whose probes tell the same identity (Observation::identity) are one server, which
// has one voice. The address of the primary speaks for the server as long as it answers, otherwise
// the first address of the list that answers. An address that does not speak never is the primary,
// and never is a rival. If the primary cannot be reached by its address any more, and takes writes
// by another one, then the other one replaces it without a promotion. It is reported as a new
// primary, because it has another alias.
//
// An address may move to another server (a virtual IP, a proxy). What was known of the old server
// does not count for the new one; what another address has told of the new one does. If the address
// of the primary moves to a server that takes writes, that server becomes the primary, with a new
// timestamp. It does not if rule 4 applies, or if it took writes before and nobody was seen to
// promote it.
//
// What is reported
// ----------------
// Each check is reported when it has ended, changed or not, unless it said neither yes nor no. A
// server is also reported when a check of another server changes what is thought of it.
//  - The primary is reported as kPrimary. The primary is `serving` if rule 4 does not apply and the
//    last check found that it takes writes. Its timestamp (microseconds since the Unix epoch, made
//    strictly monotonic) grows whenever another server becomes the primary, and never when the same
//    server returns.
//  - A server that is read-only is reported as kReplica. A server of a multi-writer cluster that is
//    not the primary is reported as kReplica, too. A replica is `serving` if it answers. The
//    monitor does not look at replication and its delay.
//  - A server that takes writes and is not trusted, or that was never seen, is reported as
//    kUnknown, not serving.
// `up` is false if there is no connection, or no answer within the timeout. `last_error` says why a
// server does not serve. If a check leads to several reports, the report of the new primary comes
// last.
//
// `observed_at` is the time on MonitorOptions::clock just before the check began, so it is never
// later than the moment when the server was asked. A Buffer relies on that for reports that serve.
// A report that does not serve because of a check of another server (rule 4) carries the time of
// that check, if that is later. The times of the reports of a primary never go back.
//
// Monitor::Servers tells at any time what the monitor knows, also of servers that are not reported.
//
// Log lines (MonitorOptions::log) are written when something changes, not with each check. They
// hold what the probes say in Observation::problem and Observation::identity.
//
// While a shard holds requests
// ----------------------------
// A Buffer that holds requests waits for the report that ends the failover. If the monitor knows of
// the hold, it checks the servers of the shard at once, and then much more often. Two lines tell
// the monitor (failover/watch/monitor_hook.h):
//
//   failover::watch::MonitorHook hook;
//   buffer_options.on_transition = hook;        // before Buffer::Create
//   monitor_options.hook = hook;                // before Monitor::Create
#ifndef FAILOVER_WATCH_MONITOR_H_
#define FAILOVER_WATCH_MONITOR_H_

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
#include "failover/watch/monitor_hook.h"
#include "failover/watch/server_probe.h"
#include "failover/watch/server_view.h"

namespace failover {

class Clock;

}  // namespace failover

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
  // refuses the monitor (Seen::kRefused, Seen::kFull) is checked ten times less often.
  absl::Duration poll_interval = absl::Milliseconds(100);
  // Each interval is longer or shorter by a random part of it, up to this part, so that many
  // routers do not check in step. At least 0, less than 1.
  double jitter = 0.2;
  // How long a check may take as a whole. From 1 ms to 1 hour. A server that hangs is reported
  // after this time.
  absl::Duration timeout = absl::Seconds(1);
  // What log lines call the monitor, as in "monitor, shard commerce/0: ...".
  std::string name = "monitor";

  // While the Buffer holds requests of a shard (`hook`, or Monitor::OnTransition), each of the
  // shard's servers is checked every `urgent_interval` for `urgent_duration`, and every
  // `hold_interval` afterwards, until the hold ends. `jitter` holds for these intervals, too, and
  // so does the factor ten for a server that refuses the monitor. A poll_interval that is shorter
  // wins. The intervals are from 1 ms to 1 hour, `urgent_duration` from 0 to 1 hour.
  absl::Duration urgent_interval = absl::Milliseconds(10);
  absl::Duration urgent_duration = absl::Seconds(3);
  absl::Duration hold_interval = absl::Milliseconds(50);
  // Where the monitor learns which shards hold requests. Without a hook only Monitor::OnTransition
  // tells.
  std::optional<MonitorHook> hook = {};
  // The clock of TabletStats::observed_at. It must be the clock of the Buffer that gets the reports
  // (BufferOptions::clock): times of different clocks cannot be compared. nullptr means
  // Clock::Steady, as in a Buffer. Not owned; must outlive the monitor. Called on the monitor's
  // thread, under no lock.
  //
  // Only the stamps come from this clock. The thread polls file descriptors of real servers, so
  // intervals and timeouts are real time whatever the clock says. With a simulated clock each check
  // is stamped with the simulated time at which it began. If that clock stands still, a check after
  // the beginning of a hold has the same stamp as the hold, and proves nothing until the clock has
  // moved on.
  Clock* clock = nullptr;
  // Takes the log lines of this monitor, on the monitor's thread (failover/log.h has the rules). If
  // this is empty, the lines go where those of a Buffer without a function go.
  LogFunction log = {};

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

  // Checks all servers of the shard now. A server whose check is under way is checked again as soon
  // as that check has ended, because an answer that is on its way may be old. Checks of one server
  // never begin in less than 10 ms (a shorter poll_interval or urgent_interval wins), and in less
  // than ten times that if the server refuses the monitor. The call only leaves
  // a note for the monitor's thread and wakes it, so it is cheap and never waits. Calls that come
  // before the monitor has read the note count once. Returns false if the monitor does not watch
  // the shard. Harmless before Start and after Stop.
  //
  // May be called on any thread, also inside the listener and inside BufferOptions::on_transition.
  bool CheckNow(std::string_view keyspace, std::string_view shard);

  // Tells the monitor that a shard of a Buffer changed its state. While the shard is in
  // State::kBuffering its servers are checked more often (MonitorOptions::urgent_interval), at once
  // for the first time. Shards that the monitor does not watch are ignored. As cheap as CheckNow,
  // and may be called where CheckNow may.
  //
  // For an embedder whose Buffer ends before the monitor. In any other order use
  // MonitorOptions::hook, which never touches a monitor that is gone.
  void OnTransition(const Transition& transition);

  // What the monitor knows of all servers now, in the order of MonitorOptions::shards. What is told
  // of one shard belongs together; the monitor may have ended checks of other shards meanwhile.
  // After Stop the last knowledge stays.
  //
  // May be called on any thread, also inside the listener. The monitor's thread waits while the
  // servers of one shard are copied, so call this once a second, and not for each request. May
  // throw std::bad_alloc.
  std::vector<ServerView> Servers() const;

 private:
  class Impl;
  explicit Monitor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_MONITOR_H_
