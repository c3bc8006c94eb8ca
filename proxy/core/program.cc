#include "proxy/core/program.h"

#include <sys/resource.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdint>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/core/admin_server.h"
#include "proxy/core/http_server.h"
#include "proxy/core/listener.h"
#include "proxy/core/state_report.h"
#include "proxy/core/status_page.h"
#include "proxy/core/status_sources.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

// Each client that is logged in has a connection to a backend, too.
void WarnIfFilesAreFew(const Options& options) {
  constexpr std::uint64_t kForTheProxyItself = 64;
  const std::uint64_t wanted = 2 * static_cast<std::uint64_t>(options.max_connections) +
                               static_cast<std::uint64_t>(options.max_logins) + kForTheProxyItself;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  spdlog::warn(
      "the system allows {} open files, and --max_connections and --max_logins may need {}",
      limit.rlim_cur, wanted);
}

class SignalHandler {
 public:
  SignalHandler(asio::io_context& io, Listener& listener, AdminServer& admin,
                const Context& context, const std::function<absl::Status()>& reload_users)
      : io_(io),
        listener_(listener),
        admin_(admin),
        context_(context),
        reload_users_(reload_users),
        signals_(io, SIGTERM, SIGINT, SIGUSR1) {
    signals_.add(SIGHUP);
    Await();
  }

 private:
  void Await() {
    signals_.async_wait([this](std::error_code error, int signal) {
      if (error) return;
      if (signal == SIGUSR1) {
        std::cout << StateReport(context_.buffer.Stats(), context_.router, listener_.connections(),
                                 listener_.logins())
                  << std::flush;
      } else if (signal == SIGHUP) {
        Reload();
      } else if (draining_) {
        io_.stop();
      } else {
        draining_ = true;
        asio::co_spawn(io_.get_executor(), Drain(), asio::detached);
      }
      Await();
    });
  }

  void Reload() const {
    if (context_.tls != nullptr) LogReload("certificates", context_.tls->Reload());
    LogReload("users", reload_users_());
  }

  static void LogReload(const char* what, const absl::Status& status) {
    if (status.ok()) {
      spdlog::info("the {} were read again", what);
    } else {
      spdlog::error("the {} stay as they were: {}", what, std::string(status.message()));
    }
  }

  Task<> Drain() {
    spdlog::info("no more clients; {} sessions are to end", listener_.connections());
    admin_.Drain();
    const absl::Time end = context_.clock.Now() + context_.options.drain_timeout;
    co_await listener_.Drain(context_.options.drain_timeout);
    // Somebody changes the servers' roles, and counts on it that nothing goes to the old primary.
    co_await admin_.AwaitSwitchovers(end - context_.clock.Now());
    if (listener_.connections() > 0) {
      spdlog::warn("{} sessions did not end in time", listener_.connections());
    }
    io_.stop();
  }

  asio::io_context& io_;
  Listener& listener_;
  AdminServer& admin_;
  const Context& context_;
  const std::function<absl::Status()>& reload_users_;
  asio::signal_set signals_;
  bool draining_ = false;
};

void PrepareProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::register_logger(spdlog::default_logger()->clone("failover"));
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::Status StartAll(const BackendMonitors& monitors) {
  for (const auto& monitor : monitors) {
    if (absl::Status status = monitor->Start(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<failover::watch::ServerView> AllServers(const BackendMonitors& monitors) {
  std::vector<failover::watch::ServerView> all;
  for (const auto& monitor : monitors) {
    std::vector<failover::watch::ServerView> some = monitor->Servers();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void StopAll(const BackendMonitors& monitors) {
  std::for_each(monitors.rbegin(), monitors.rend(), [](const auto& monitor) { monitor->Stop(); });
}

}  // namespace

int RunProgram(int argc, char** argv, const ProgramText& text,
               absl::Status (*run)(ProgramParts& parts)) {
  UnifyFlagNames(argc, argv);
  ConfigureHelp(text.flags_file);
  absl::SetProgramUsageMessage(text.usage);
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    std::cerr << text.name << ": only flags are understood; see --help\n";
    return 2;
  }
  PrepareProcess();
  const absl::StatusOr<std::unique_ptr<ProgramParts>> parts = ProgramParts::FromFlags();
  const absl::Status status = parts.ok() ? run(**parts) : parts.status();
  if (status.ok()) return 0;
  std::cerr << text.name << ": " << status.message() << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}

absl::Status Serve(const Context& context, const Protocol& protocol,
                   const BackendMonitors& monitors, const FailoverHistory& history,
                   const std::function<absl::Status()>& reload_users) {
  asio::io_context io(1);
  Listener listener(context, protocol, io);
  if (absl::Status status = listener.Listen(); !status.ok()) return status;
  const StatusSources sources{context, listener, history,
                              [&monitors] { return AllServers(monitors); }};
  HttpServer status_server(io,
                           [&sources](std::string_view path) { return StatusPage(sources, path); });
  if (const std::optional<Address>& address = context.options.status_listen) {
    if (absl::Status status = status_server.Listen(*address); !status.ok()) return status;
    spdlog::info("status page at http://{}:{}/", address->host, status_server.port());
  }
  AdminServer admin(io, context);
  if (!context.options.admin_socket.empty()) {
    if (absl::Status status = admin.Listen(context.options.admin_socket); !status.ok()) {
      return status;
    }
    spdlog::info("admin socket at {}", context.options.admin_socket);
  }
  SignalHandler signals(io, listener, admin, context, reload_users);
  WarnIfFilesAreFew(context.options);
  // A program that reads this line may send signals. The first lines of the monitor come later.
  spdlog::info("listening on {}:{}", context.options.listen.host, listener.port());
  if (absl::Status status = StartAll(monitors); !status.ok()) {
    StopAll(monitors);
    return status;
  }
  io.run();

  listener.EndSessions();
  // The monitors and the Buffer call the event loops, so they end before the loops do.
  StopAll(monitors);
  context.buffer.Shutdown();
  listener.Stop();
  return absl::OkStatus();
}

}  // namespace proxy
