// The PostgreSQL proxy: makes the parts from the flags, and serves.
#include <cstddef>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/clock.h"
#include "failover/flags.h"
#include "failover/postgres/primary_monitor.h"
#include "failover/transition.h"
#include "failover/watch/monitor_hook.h"
#include "failover/watch/server_view.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/options.h"
#include "proxy/core/program.h"
#include "proxy/core/router.h"
#include "proxy/core/tls.h"
#include "proxy/core/uncounted_work.h"
#include "proxy/postgres/session/cancel_registry.h"
#include "proxy/postgres/session/postgres_context.h"
#include "proxy/postgres/session/postgres_options.h"
#include "proxy/postgres/session/postgres_protocol.h"
#include "proxy/postgres/session/users.h"

namespace postgres_proxy {
namespace {

failover::postgres::PrimaryMonitorOptions MonitorOptions(const proxy::Options& options,
                                                         const PostgresOptions& postgres_options,
                                                         const failover::watch::MonitorHook& hook) {
  failover::postgres::MonitoredShard shard{options.keyspace, options.shard, {}};
  for (std::size_t i = 0; i < options.backends.size(); ++i) {
    failover::postgres::MonitoredServer server;
    server.alias = proxy::Router::AliasOf(i);
    server.host = options.backends[i].host;
    server.port = options.backends[i].port;
    server.user = options.monitor_user;
    server.password = options.monitor_password;
    server.database = postgres_options.monitor_database;
    server.tls = postgres_options.monitor_tls;
    if (server.tls.mode == failover::postgres::TlsMode::kVerify) {
      server.tls.server_name = options.backends[i].name;
    }
    shard.servers.push_back(std::move(server));
  }
  failover::postgres::PrimaryMonitorOptions monitor;
  monitor.shards.push_back(std::move(shard));
  monitor.poll_interval = options.poll_interval;
  monitor.timeout = options.poll_timeout;
  monitor.hook = hook;
  return monitor;
}

class Monitor final : public proxy::BackendMonitor {
 public:
  explicit Monitor(failover::postgres::PrimaryMonitor& monitor) : monitor_(monitor) {}

  absl::Status Start() override { return monitor_.Start(); }
  void Stop() override { monitor_.Stop(); }
  std::vector<failover::watch::ServerView> Servers() const override { return monitor_.Servers(); }

 private:
  failover::postgres::PrimaryMonitor& monitor_;
};

absl::Status RunProxy() {
  const absl::StatusOr<proxy::Options> options = proxy::OptionsFromFlags();
  if (!options.ok()) return options.status();
  const absl::StatusOr<PostgresOptions> postgres_options = PostgresOptionsFromFlags();
  if (!postgres_options.ok()) return postgres_options.status();
  absl::StatusOr<failover::BufferOptions> buffer_options = failover::BufferOptionsFromFlags();
  if (!buffer_options.ok()) return buffer_options.status();
  // Sessions have had --drain_timeout to end before the Buffer is shut down.
  buffer_options->shutdown_grace = absl::ZeroDuration();
  // While the Buffer holds statements, the monitor looks at the backends more often. Both use the
  // steady clock, as the stamps of the reports require.
  const failover::watch::MonitorHook hook;
  // The Buffer ends before what its listener uses.
  proxy::FailoverHistory history;
  buffer_options->on_transition = [hook, &history](const failover::Transition& transition) {
    history.Note(transition);
    hook(transition);
  };
  const absl::Duration window = buffer_options->window;
  const absl::StatusOr<Users> users = Users::Load(options->users_file);
  if (!users.ok()) return users.status();
  const absl::StatusOr<std::unique_ptr<proxy::Tls>> tls = proxy::Tls::Load(options->tls);
  if (!tls.ok()) return tls.status();
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      failover::Buffer::Create(*std::move(buffer_options));
  if (!buffer.ok()) return buffer.status();

  proxy::Router router(options->backends, **buffer);
  const auto primary_monitor = failover::postgres::PrimaryMonitor::Create(
      MonitorOptions(*options, *postgres_options, hook), &router);
  if (!primary_monitor.ok()) return primary_monitor.status();
  Monitor monitor(**primary_monitor);
  CancelRegistry cancels;
  proxy::UncountedWork uncounted;
  const PostgresContext context{
      {*options, router, **buffer, (*buffer)->GetShard(options->keyspace, options->shard), window,
       failover::Clock::Steady(), tls->get(), &uncounted},
      *postgres_options,
      *users,
      cancels};
  const PostgresProtocol protocol(context);
  return proxy::Serve(context, protocol, monitor, history);
}

}  // namespace
}  // namespace postgres_proxy

int main(int argc, char** argv) {
  proxy::UnifyFlagNames(argc, argv);
  proxy::ConfigureHelp(postgres_proxy::kFlagsFile);
  absl::SetProgramUsageMessage(postgres_proxy::UsageText());
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    std::cerr << "postgres_proxy: only flags are understood; see --help\n";
    return 2;
  }
  proxy::PrepareProcess();
  const absl::Status status = postgres_proxy::RunProxy();
  if (status.ok()) return 0;
  std::cerr << "postgres_proxy: " << status.message() << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}
