#include "proxy/core/program.h"

#include <sys/resource.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <system_error>

#include "proxy/core/listener.h"
#include "proxy/core/state_report.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

class SignalHandler {
 public:
  SignalHandler(asio::io_context& io, Listener& listener, const Context& context)
      : io_(io), listener_(listener), context_(context), signals_(io, SIGTERM, SIGINT, SIGUSR1) {
    Await();
  }

 private:
  void Await() {
    signals_.async_wait([this](std::error_code error, int signal) {
      if (error) return;
      if (signal == SIGUSR1) {
        std::cout << StateReport(context_.buffer.Stats(), context_.router, listener_.connections())
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
    spdlog::info("no more clients; {} sessions are to end", listener_.connections());
    co_await listener_.Drain(context_.options.drain_timeout);
    if (listener_.connections() > 0) {
      spdlog::warn("{} sessions did not end in time", listener_.connections());
    }
    io_.stop();
  }

  asio::io_context& io_;
  Listener& listener_;
  const Context& context_;
  asio::signal_set signals_;
  bool draining_ = false;
};

}  // namespace

void PrepareProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::Status Serve(const Context& context, const Protocol& protocol, BackendMonitor& monitor) {
  asio::io_context io(1);
  Listener listener(context, protocol, io);
  if (absl::Status status = listener.Listen(); !status.ok()) return status;
  SignalHandler signals(io, listener, context);
  // A program that reads this line may send signals. The first lines of the monitor come later.
  spdlog::info("listening on {}:{}", context.options.listen.host, listener.port());
  if (absl::Status status = monitor.Start(); !status.ok()) return status;
  io.run();

  // The monitor and the Buffer call the event loops, so they end before the loops do.
  monitor.Stop();
  context.buffer.Shutdown();
  listener.Stop();
  return absl::OkStatus();
}

}  // namespace proxy
