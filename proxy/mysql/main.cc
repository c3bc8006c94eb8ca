// Puts the parts together and waits for signals.
#include <sys/resource.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/flags.h"
#include "failover/mysql/primary_monitor.h"
#include "proxy/core/router.h"
#include "proxy/core/state_report.h"
#include "proxy/mysql/session/options.h"
#include "proxy/mysql/session/proxy_context.h"
#include "proxy/mysql/session/server.h"
#include "proxy/mysql/session/users.h"
#include "spdlog/spdlog.h"

namespace mysql_proxy {
namespace {

// Two file descriptors per client, as many as the system allows.
void RaiseFileLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

failover::mysql::PrimaryMonitorOptions MonitorOptions(const Options& options) {
  failover::mysql::MonitoredShard shard{options.keyspace, options.shard, {}};
  for (std::size_t i = 0; i < options.servers.size(); ++i) {
    failover::mysql::MonitoredServer server;
    server.alias = Router::AliasOf(i);
    server.host = options.servers[i].host;
    server.port = options.servers[i].port;
    server.user = options.backend_user;
    server.password = options.backend_password;
    shard.servers.push_back(std::move(server));
  }
  failover::mysql::PrimaryMonitorOptions monitor;
  monitor.shards.push_back(std::move(shard));
  monitor.poll_interval = options.poll_interval;
  monitor.timeout = options.poll_timeout;
  return monitor;
}

// Until SIGTERM or SIGINT, and then until the sessions have ended.
class SignalHandler {
 public:
  SignalHandler(asio::io_context& io, Server& server, const ProxyContext& context)
      : io_(io), server_(server), context_(context), signals_(io, SIGTERM, SIGINT, SIGUSR1) {
    Await();
  }

 private:
  void Await() {
    signals_.async_wait([this](std::error_code error, int signal) {
      if (error) return;
      if (signal == SIGUSR1) {
        std::cout << StateReport(context_.buffer.Stats(), context_.router, server_.connections())
                  << std::flush;
      } else if (draining_) {
        io_.stop();
      } else {
        draining_ = true;
        asio::co_spawn(io_.get_executor(), Drain(), asio::detached);
      }
      Await();
    });
  }

  Task<> Drain() {
    spdlog::info("no more clients; {} sessions are to end", server_.connections());
    co_await server_.Drain(context_.options.drain_timeout);
    if (server_.connections() > 0) {
      spdlog::warn("{} sessions did not end in time", server_.connections());
    }
    io_.stop();
  }

  asio::io_context& io_;
  Server& server_;
  const ProxyContext& context_;
  asio::signal_set signals_;
  bool draining_ = false;
};

absl::Status RunProxy() {
  absl::StatusOr<Options> options = OptionsFromFlags();
  if (!options.ok()) return options.status();
  absl::StatusOr<failover::BufferOptions> buffer_options = failover::BufferOptionsFromFlags();
  if (!buffer_options.ok()) return buffer_options.status();
  // The sessions have had their time by then.
  buffer_options->shutdown_grace = absl::ZeroDuration();
  absl::StatusOr<Users> users = Users::Load(options->users_file);
  if (!users.ok()) return users.status();
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      failover::Buffer::Create(*std::move(buffer_options));
  if (!buffer.ok()) return buffer.status();

  Router router(options->servers, **buffer);
  auto monitor = failover::mysql::PrimaryMonitor::Create(MonitorOptions(*options), &router);
  if (!monitor.ok()) return monitor.status();
  const ProxyContext context{*options, *users, router, **buffer,
                             (*buffer)->GetShard(options->keyspace, options->shard)};
  asio::io_context io(1);
  Server server(context, io);
  if (absl::Status status = server.Listen(); !status.ok()) return status;
  SignalHandler signals(io, server, context);
  // From this line on it answers signals; the monitor's first lines come later.
  spdlog::info("listening on {}:{}", options->listen.host, server.port());
  if (absl::Status status = (*monitor)->Start(); !status.ok()) return status;
  io.run();

  // Nobody may call a loop that is gone: first those who call, then the loops.
  (*monitor)->Stop();
  (*buffer)->Shutdown();
  server.Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace mysql_proxy

int main(int argc, char** argv) {
  mysql_proxy::UnifyFlagNames(argc, argv);
  mysql_proxy::ConfigureHelp();
  absl::SetProgramUsageMessage(mysql_proxy::UsageText());
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    std::cerr << "mysql_proxy: only flags are understood; see --help\n";
    return 2;
  }
  // Closed connections are noticed where they are used.
  std::signal(SIGPIPE, SIG_IGN);
  mysql_proxy::RaiseFileLimit();
  const absl::Status status = mysql_proxy::RunProxy();
  if (status.ok()) return 0;
  std::cerr << "mysql_proxy: " << status.message() << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}
