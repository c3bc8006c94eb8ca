#include "pass.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "failover/buffer.h"
#include "failover/clock.h"
#include "failover/switchover.h"
#include "monitor.h"
#include "progress.h"
#include "router.h"
#include "workload.h"

namespace failover_demo {
namespace {

constexpr absl::Duration kTakeOverTimeout = absl::Seconds(20);

absl::StatusOr<std::unique_ptr<failover::Buffer>> MakeBuffer(const PassOptions& options,
                                                             bool buffered, Cluster& cluster) {
  failover::BufferOptions buffer;
  buffer.on_transition = cluster.OnTransition();
  buffer.enabled = buffered;
  buffer.window = options.window;
  buffer.max_failover_duration = options.window;
  buffer.min_time_between_failovers = 2 * options.window;
  buffer.drain_concurrency = 8;
  return failover::Buffer::Create(std::move(buffer));
}

// The Operator makes the two failovers happen while the clients work.
class Operator {
 public:
  // The caller owns all arguments, which must outlive this object.
  Operator(const PassOptions& options, failover::Buffer& buffer, Cluster& cluster, Router& router,
           absl::Time start)
      : options_(options), buffer_(buffer), cluster_(cluster), router_(router), start_(start) {}

  absl::StatusOr<Incident> Switchover() {
    Incident incident;
    incident.begin = Now();
    Progress(Now(), "planned switchover: server %s hands over", Name(0));
    const bool announce =
        buffer_.options().enabled && cluster_.switchover_kind() == SwitchoverKind::kAnnounced;
    const absl::Status done = announce ? AnnouncedSwitchover() : cluster_.Switchover();
    if (!done.ok()) return done;
    return AwaitNewPrimary(1, incident);
  }

  absl::StatusOr<Incident> Crash() {
    Incident incident;
    incident.begin = Now();
    Progress(Now(), "crash: kill -9 of server %s", Name(1));
    if (absl::Status done = cluster_.CrashPrimary(); !done.ok()) return done;
    incident.gone = Now();
    absl::SleepFor(options_.detection);
    if (absl::Status done = cluster_.PromoteOther(); !done.ok()) return done;
    return AwaitNewPrimary(0, incident);
  }

 private:
  absl::Duration Now() const { return failover::Clock::Steady().Now() - start_; }
  const std::string& Name(int server) const { return cluster_.server(server).name(); }

  // Lets the Buffer hold requests, and begins when nothing is in flight.
  absl::Status AnnouncedSwitchover() {
    absl::StatusOr<failover::Switchover> switchover =
        buffer_.BeginSwitchover(buffer_.GetShard(kKeyspace, kShard), {});
    if (!switchover.ok()) return switchover.status();
    const absl::StatusOr<failover::WorkInFlight> quiet =
        switchover->WaitUntilQuiet(options_.window);
    if (!quiet.ok()) return quiet.status();
    if (absl::Status done = cluster_.Switchover(); !done.ok()) return done;
    return switchover->Commit();
  }

  absl::StatusOr<Incident> AwaitNewPrimary(int server, Incident incident) const {
    const std::optional<absl::Time> since = router_.AwaitPrimary(server, kTakeOverTimeout);
    if (!since.has_value()) {
      return absl::DeadlineExceededError(
          absl::StrCat("server ", Name(server), " did not take over"));
    }
    incident.over = *since - start_;
    Progress(Now(), "server %s is the primary; there was none for %d ms", Name(server),
             absl::ToInt64Milliseconds(incident.over - incident.begin));
    return incident;
  }

  const PassOptions& options_;
  failover::Buffer& buffer_;
  Cluster& cluster_;
  Router& router_;
  const absl::Time start_;
};

absl::StatusOr<std::vector<RowId>> ReadTable(Server& server) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = server.Connect();
  if (!connection.ok()) return connection.status();
  return (*connection)->AllRows();
}

}  // namespace

absl::StatusOr<PassResult> RunPass(const PassOptions& options, bool buffered,
                                   const ClusterFactory& start_cluster) {
  absl::StatusOr<std::unique_ptr<Cluster>> cluster = start_cluster();
  if (!cluster.ok()) return cluster.status();
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      MakeBuffer(options, buffered, **cluster);
  if (!buffer.ok()) return buffer.status();

  Router router(**cluster, **buffer);
  const absl::StatusOr<std::unique_ptr<HealthSource>> health = (*cluster)->WatchHealth(router);
  if (!health.ok()) return health.status();
  if (!router.AwaitPrimary(0, kTakeOverTimeout).has_value()) {
    return absl::DeadlineExceededError("the health check sees no primary");
  }

  failover::Clock& clock = failover::Clock::Steady();
  const absl::Time start = clock.Now();
  Workload workload(router, options.clients, options.requests_per_second, start);
  Monitor monitor(**buffer, workload, start);
  Operator operate(options, **buffer, **cluster, router, start);

  absl::SleepFor(options.before);
  const absl::StatusOr<Incident> switchover = operate.Switchover();
  if (!switchover.ok()) return switchover.status();
  absl::SleepFor(options.between);
  const absl::StatusOr<Incident> crash = operate.Crash();
  if (!crash.ok()) return crash.status();
  absl::SleepFor(options.after);

  PassResult result;
  result.buffered = buffered;
  result.switchover = *switchover;
  result.crash = *crash;
  result.duration = clock.Now() - start;
  result.held = monitor.Stop();
  result.clients = workload.Stop();
  result.buffer = (*buffer)->GetShardStats(kKeyspace, kShard).value_or(failover::ShardStats());
  absl::StatusOr<std::vector<RowId>> table = ReadTable((*cluster)->server(router.primary()));
  if (!table.ok()) return table.status();
  result.audit = Audit(result.clients, *table);
  return result;
}

}  // namespace failover_demo
