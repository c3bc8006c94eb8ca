#include "router.h"

#include "failover/clock.h"
#include "failover/retry.h"

namespace failover_demo {

void Router::StatsUpdate(const failover::TabletStats& stats) {
  // The router must know the new primary before the Buffer releases the held requests, because
  // their retries ask the router where to go.
  if (stats.target.tablet_type == failover::TabletType::kPrimary && stats.up && stats.serving) {
    SetPrimary(ServerOf(stats.alias));
  }
  buffer_.StatsUpdate(stats);
}

void Router::SetPrimary(int server) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (primary_since_ != absl::InfinitePast() && primary() == server) return;
  primary_.store(server, std::memory_order_release);
  primary_since_ = failover::Clock::Steady().Now();
  primary_changed_.notify_all();
}

std::optional<absl::Time> Router::AwaitPrimary(int server, absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool in_time = primary_changed_.wait_for(
      lock, absl::ToChronoNanoseconds(timeout),
      [this, server] { return primary_since_ != absl::InfinitePast() && primary() == server; });
  if (!in_time) return std::nullopt;
  return primary_since_;
}

template <typename Statement>
std::invoke_result_t<Statement, Connection&> Session::Run(const Statement& statement) {
  // A planned switchover that is announced waits for the statements in flight.
  failover::RequestContext context;
  context.work = failover::Work::kStatement;
  return failover::RunWithFailoverRetry(router_.buffer_, context, router_.shard_,
                                        [&] { return RunOnce(statement); });
}

template <typename Statement>
std::invoke_result_t<Statement, Connection&> Session::RunOnce(const Statement& statement) {
  last_attempt_ = failover::Clock::Steady().Now();
  const absl::StatusOr<Connection*> connection = connections_.To(router_.primary());
  if (!connection.ok()) return connection.status();
  return statement(**connection);
}

absl::Status Session::Insert(RowId row) {
  return Run([row](Connection& connection) { return connection.Insert(row); });
}

absl::StatusOr<bool> Session::Exists(RowId row) {
  return Run([row](Connection& connection) { return connection.Exists(row); });
}

}  // namespace failover_demo
