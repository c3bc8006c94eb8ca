// A blocking HTTP client that sends any bytes, for tests.
#ifndef FAILOVER_TESTS_SUPPORT_HTTP_CLIENT_H_
#define FAILOVER_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace failover::test {

// A connection to loopback. Reading ends the test's wait after a minute. If nobody listens on the
// port, the answer to everything is empty.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  ~HttpClient();

  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void Send(std::string_view bytes);
  // No more bytes will be sent.
  void EndSending();
  // Everything that comes until the server closes the connection. "timeout" if it does not.
  std::string ReceiveAll();
  // Receives until the text has come. False: the connection ended before, or nothing came.
  bool ReceiveUntil(std::string_view text);
  // Whether the text is in what has come so far.
  bool ReceivedAny(std::string_view text) const { return all_.find(text) != std::string::npos; }
  bool timed_out() const { return timed_out_; }

 private:
  // False: there is no more.
  bool ReceiveMore();

  const int socket_;
  std::string all_;
  bool timed_out_ = false;
};

// What the server answers to these bytes.
std::string Exchange(std::uint16_t port, std::string_view bytes);
// A request of HTTP/1.1 with these two words.
std::string RequestOf(std::string_view method, std::string_view target);
// What stands behind the head of a response.
std::string BodyOf(const std::string& response);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_HTTP_CLIENT_H_
