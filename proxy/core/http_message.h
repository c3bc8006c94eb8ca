// The little of HTTP/1.1 that a status page needs: the head of a request, and a response. No I/O.
#ifndef FAILOVER_PROXY_CORE_HTTP_MESSAGE_H_
#define FAILOVER_PROXY_CORE_HTTP_MESSAGE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace proxy {

// A head with the empty line at its end has at most so many bytes.
inline constexpr std::size_t kMaxHttpHead = 8192;

struct HttpRequest {
  // 200, or the status that answers a request which cannot be served: 400, 405 or 505.
  int status = 200;
  // The client asks with HEAD, so it gets no body.
  bool wants_no_body = false;
  // The path of the target, without the query. Nothing in it is decoded.
  std::string path;
};

// Reads a head, up to and with its empty line. Any bytes are allowed; what is no request has the
// status 400. Source of the rules: RFC 9112, sections 2 to 5, and RFC 9110, section 5.
HttpRequest ParseHttpHead(std::string_view head);

struct HttpPage {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // If set, the response has no end: behind the body the server sends what the function returns, at
  // once and then every second.
  std::function<std::string()> next_part = {};
  // The value of the header Content-Security-Policy; empty: there is none.
  std::string policy = {};
};

// A page that says no more than what the status means.
HttpPage PageOf(int status);

// The response, after which the connection is closed.
std::string HttpResponse(const HttpPage& page, bool without_body);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_HTTP_MESSAGE_H_
