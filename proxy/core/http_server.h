// A small HTTP server for operators: bounded in connections, time and bytes.
#ifndef FAILOVER_PROXY_CORE_HTTP_SERVER_H_
#define FAILOVER_PROXY_CORE_HTTP_SERVER_H_

#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proxy/core/acceptor.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/http_message.h"
#include "proxy/core/router.h"

namespace proxy {

struct HttpLimits {
  // How many clients are served at the same time. A client over the limit gets 503.
  int connections = 16;
  // How many of them may get a response without an end.
  int streams = 4;
  // How long a client may take in all, from its connection to the end of the response; and for each
  // part of a response without an end.
  absl::Duration time = absl::Seconds(5);
};

// Answers GET and HEAD, one request for each connection. Everything happens on the thread that runs
// `io`. The server must not be destroyed while that thread runs `io`.
class HttpServer {
 public:
  // Makes the page for a path. If it throws, the client gets 500.
  using Handler = std::function<HttpPage(std::string_view path)>;

  // `io` is not owned.
  HttpServer(asio::io_context& io, Handler handler, const HttpLimits& limits = {});

  // Opens the port and begins to take clients. kUnavailable: the port cannot be opened.
  absl::Status Listen(const Address& address);
  // The port, which the system chose if the address said 0.
  std::uint16_t port() const;

 private:
  Task<> Accept();
  void Take(Socket socket);
  Task<> Serve(Socket socket);
  // The head that the client sends, with its empty line. It is shorter than its limit and has no
  // empty line if the client has left, and as long as its limit if the head is too long.
  static Task<std::string> ReadHead(Socket& socket);
  // Fills the request from the head.
  HttpPage PageFor(const std::string& head, HttpRequest& request) const;
  Task<> Stream(Socket& socket, const std::function<std::string()>& next_part);

  const Executor executor_;
  const Handler handler_;
  const HttpLimits limits_;
  Acceptor acceptor_;
  int connections_ = 0;
  int streams_ = 0;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_HTTP_SERVER_H_
