// The listening side of a proxy: takes clients, spreads them over event loops, and ends in good
// order.
#ifndef FAILOVER_PROXY_CORE_LISTENER_H_
#define FAILOVER_PROXY_CORE_LISTENER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proxy/core/acceptor.h"
#include "proxy/core/admissions.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/backoff.h"
#include "proxy/core/context.h"
#include "proxy/core/event_loop.h"
#include "proxy/core/log_limiter.h"
#include "proxy/core/protocol.h"

namespace proxy {

// Takes clients on the thread that runs `io`, and serves them on event loops with threads of their
// own. All functions but connections() are for the thread of `io`, or for any thread while `io`
// does not run.
class Listener {
 public:
  // `context`, `protocol` and `io` are not owned.
  Listener(const Context& context, const Protocol& protocol, asio::io_context& io);

  // Opens the port, and begins to take clients as soon as every backend was looked at.
  // kUnavailable: the port cannot be opened.
  absl::Status Listen();
  // The port, which the system chose if the options say 0.
  std::uint16_t port() const;

  // Takes no more clients, and ends sessions in which nothing is under way. Returns when all
  // sessions are gone, or when `timeout` is over.
  Task<> Drain(absl::Duration timeout);
  // Ends the sessions that are left: they send nothing more to a backend. To be called before the
  // Buffer is shut down, because a Buffer that is shut down holds nothing, not even in a planned
  // switchover. May not be called after Stop.
  void EndSessions();
  // Ends the event loops, and with them the sessions that are left.
  void Stop();

  // Whether Drain was called.
  bool draining() const { return draining_; }

  // How many sessions there are, those of clients that have not logged in included. Thread-safe.
  int connections() const { return connections_.load(std::memory_order_relaxed); }
  // The most sessions that there were at once. Thread-safe.
  int most_connections() const { return most_connections_.load(std::memory_order_relaxed); }
  // How many clients have not logged in. Thread-safe.
  int logins() const { return admissions_.logins(); }

 private:
  Task<> Accept();
  Task<std::error_code> AcceptOne();
  Task<> PauseAfter(const std::error_code& error);
  Task<> AwaitFirstLook();
  void Take(Socket socket, EventLoop& loop);
  void LogEvictions();

  const Context& context_;
  const Protocol& protocol_;
  const Executor executor_;

  Admissions admissions_;
  // The event loops change this counter, too. memory_order_relaxed is enough everywhere, because
  // the counter guards no other data: each change is one read-modify-write operation, so none is
  // lost.
  std::atomic<int> connections_{0};
  // Written on the thread of `io` only. memory_order_relaxed is enough, because readers use the
  // value alone.
  std::atomic<int> most_connections_{0};

  // Used on the thread of `io` only.
  bool accepting_ = false;  // Accept is running, and may hold a socket of one of the loops
  bool draining_ = false;
  std::uint32_t taken_ = 0;
  Backoff accept_backoff_;
  LogLimiter accept_log_;
  LogLimiter eviction_log_;
  std::uint64_t evictions_seen_ = 0;
  Acceptor acceptor_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_LISTENER_H_
