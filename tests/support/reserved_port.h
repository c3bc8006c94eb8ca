// A TCP port of loopback that no other program takes by chance.
#ifndef FAILOVER_TESTS_SUPPORT_RESERVED_PORT_H_
#define FAILOVER_TESTS_SUPPORT_RESERVED_PORT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace failover::test {

// While the object lives, the kernel gives its port to no outgoing connection and to no program
// that asks for any free port. Nobody listens on the port, so connections to it are refused, until
// a server binds to it by its number; the server must set SO_REUSEADDR, as mariadbd does. A port
// that was merely free a moment ago may be gone when a server, on a busy machine, has come so far.
class ReservedPort {
 public:
  ReservedPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    EXPECT_EQ(setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, generic, size), 0);
    EXPECT_EQ(getsockname(socket_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~ReservedPort() { close(socket_); }

  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  const int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_RESERVED_PORT_H_
