// The proxy's listening side: takes clients, spreads them over event loops, and ends in good order.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SERVER_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SERVER_H_

#include <asio/basic_socket_acceptor.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "proxy/core/asio_types.h"
#include "proxy/mysql/session/event_loop.h"
#include "proxy/mysql/session/proxy_context.h"

namespace mysql_proxy {

// Takes clients on `io`'s thread, which is not one of its own.
class Server {
 public:
  Server(const ProxyContext& context, asio::io_context& io);

  // Begins to take clients as soon as the servers were looked at.
  absl::Status Listen();
  // The port, which the system chose if the options say 0.
  std::uint16_t port() const;

  // Takes no more clients, and ends sessions where nothing is under way. Returns when all are gone,
  // or when the time is over.
  Task<> Drain(absl::Duration timeout);
  // Ends what is left.
  void Stop();

  int connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  Task<> Accept();
  Task<std::error_code> AcceptOne();
  Task<> AwaitFirstLook();
  void Take(Socket socket, EventLoop& loop);

  const ProxyContext& context_;
  const Executor executor_;
  bool accepting_ = false;  // Accept runs, and may hold a socket of one of the loops
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  // Touched by the event loops, too.
  std::atomic<int> connections_{0};
  std::uint32_t taken_ = 0;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SERVER_H_
