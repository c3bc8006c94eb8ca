// The PostgreSQL proxy: makes the parts from the flags, and serves.
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/postgres/primary_monitor.h"
#include "proxy/core/program.h"
#include "proxy/core/program_parts.h"
#include "proxy/core/reloadable.h"
#include "proxy/postgres/patroni.h"
#include "proxy/postgres/session/cancel_registry.h"
#include "proxy/postgres/session/postgres_context.h"
#include "proxy/postgres/session/postgres_options.h"
#include "proxy/postgres/session/postgres_protocol.h"
#include "proxy/postgres/session/users.h"

namespace postgres_proxy {
namespace {

using failover::postgres::PrimaryMonitor;
using failover::postgres::PrimaryMonitorOptions;

absl::StatusOr<proxy::BackendMonitors> MakeMonitors(proxy::ProgramParts& parts,
                                                    const PostgresOptions& options) {
  absl::StatusOr<std::unique_ptr<PrimaryMonitor>> monitor =
      PrimaryMonitor::Create(proxy::MonitorOptionsOf<PrimaryMonitorOptions>(
                                 parts,
                                 [&](failover::postgres::MonitoredServer& server) {
                                   server.database = options.monitor_database;
                                 }),
                             parts.router.get());
  if (!monitor.ok()) return monitor.status();
  proxy::BackendMonitors monitors;
  monitors.push_back(
      std::make_unique<proxy::BackendMonitorOf<PrimaryMonitor>>(*std::move(monitor)));
  if (options.patroni.endpoints.empty()) return monitors;
  absl::StatusOr<std::unique_ptr<proxy::BackendMonitor>> feed =
      MakePatroniFeed(options.patroni, parts.options.keyspace, parts.options.shard, *parts.buffer);
  if (!feed.ok()) return feed.status();
  monitors.push_back(*std::move(feed));
  return monitors;
}

absl::Status RunProxy(proxy::ProgramParts& parts) {
  const absl::StatusOr<PostgresOptions> options = PostgresOptionsFromFlags();
  if (!options.ok()) return options.status();
  const auto load_users = [&parts](const Users* before) {
    return Users::Load(parts.options.users_file, before);
  };
  absl::StatusOr<Users> first_users = load_users(nullptr);
  if (!first_users.ok()) return first_users.status();
  proxy::Reloadable<Users> users(*std::move(first_users));
  const absl::StatusOr<proxy::BackendMonitors> monitors = MakeMonitors(parts, *options);
  if (!monitors.ok()) return monitors.status();

  CancelRegistry cancels;
  const PostgresContext context{parts.MakeContext(), *options, users, cancels};
  const PostgresProtocol protocol(context);
  return proxy::Serve(context, protocol, *monitors, parts.history,
                      [&] { return users.Reload(load_users); });
}

}  // namespace
}  // namespace postgres_proxy

int main(int argc, char** argv) {
  return proxy::RunProgram(
      argc, argv, {"postgres_proxy", postgres_proxy::kFlagsFile, postgres_proxy::UsageText()},
      postgres_proxy::RunProxy);
}
