// The admin interface: a Unix-domain socket on which an operator's tool, such as failoverctl, makes
// planned switchovers. proxy/README.md has the protocol.
#ifndef FAILOVER_PROXY_CORE_ADMIN_SERVER_H_
#define FAILOVER_PROXY_CORE_ADMIN_SERVER_H_

#include <asio/basic_socket_acceptor.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proxy/core/admin_lines.h"
#include "proxy/core/admin_session.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/context.h"
#include "proxy/core/unix_socket.h"

namespace proxy {

struct AdminLimits {
  // How many peers are served at the same time. A peer over the limit is told so.
  std::size_t connections = 8;
  AdminTimes times = {};
};

// Everything happens on the thread that runs `io`. The functions are for this thread, or for any
// thread while `io` does not run. The server may be destroyed when `io` runs no more. The sessions
// live as long as `io`, and may not outlive what `context` refers to.
class AdminServer {
 public:
  // `io` and `context` are not owned.
  AdminServer(asio::io_context& io, const Context& context, const AdminLimits& limits = {});

  // Creates the socket, and begins to take peers. The errors are those of SocketFile::Listen.
  absl::Status Listen(const std::string& path);
  // Takes no more peers, begins no more switchovers, and ends the sessions that have none.
  void Drain();
  // Waits until no session has a switchover, at most for `timeout`.
  Task<> AwaitSwitchovers(absl::Duration timeout);

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::local::stream_protocol, Executor>;

  Task<> Accept();
  void Take(LocalSocket socket);
  static Task<> Serve(std::unique_ptr<AdminSession> session);
  bool HasSwitchover() const;

  const Executor executor_;
  const Context& context_;
  const AdminLimits limits_;
  // The sessions share the ownership, because they may live longer than the server.
  const std::shared_ptr<AdminShared> shared_ = std::make_shared<AdminShared>();
  std::unique_ptr<SocketFile> file_;
  Acceptor acceptor_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ADMIN_SERVER_H_
