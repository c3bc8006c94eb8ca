// A client of the proxy without a client library.
#ifndef FAILOVER_TESTS_E2E_MYSQL_RAW_CLIENT_H_
#define FAILOVER_TESTS_E2E_MYSQL_RAW_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "support/patience.h"

namespace mysql_proxy {

// A plain connection, to send what no client library sends.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval timeout = {failover::test::kPatience.count(), 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~RawClient() { close(socket_); }

  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) const {
    send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Whether the proxy has greeted. Waits for the first byte, and takes nothing.
  bool AwaitGreeting() const {
    char byte;
    return recv(socket_, &byte, 1, MSG_PEEK) == 1;
  }
  // Whether the proxy has closed the connection. Takes what the proxy has sent, and does not wait.
  bool HasEnded() const {
    char bytes[4096];
    ssize_t count;
    do {
      count = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (count > 0);
    return count == 0 || errno == ECONNRESET;
  }
  // Closes the sending side, and reads until the proxy closes the connection. False: the proxy did
  // not close it.
  bool ReadToEnd() const {
    shutdown(socket_, SHUT_WR);
    return AwaitEnd();
  }
  // Reads until the proxy closes the connection by itself. False: the proxy did not close it.
  bool AwaitEnd() const {
    char bytes[4096];
    ssize_t count;
    do {
      count = recv(socket_, bytes, sizeof bytes, 0);
    } while (count > 0);
    return count == 0 || errno == ECONNRESET;
  }

 private:
  const int socket_;
  bool connected_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_RAW_CLIENT_H_
