// The first packets of a connection. The proxy builds and parses them, because the proxy is the
// server of its clients and the client of its backends.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

// The first packet, which the server sends.
struct Greeting {
  std::string server_version;
  std::uint32_t connection_id = 0;
  std::string scramble;
  std::uint32_t capabilities = 0;
  std::uint32_t mariadb_capabilities = 0;  // 0 with kLongPassword
  std::uint16_t status = 0;
  std::uint8_t collation = 0;
  std::string auth_plugin;
};

std::string BuildGreeting(const Greeting& greeting);
// nullopt: the packet is malformed, or of a protocol before 4.1.
std::optional<Greeting> ParseGreeting(std::string_view payload);

// The answer of the client to the greeting.
struct Login {
  std::uint32_t capabilities = 0;
  std::uint32_t mariadb_capabilities = 0;  // 0 with kLongPassword
  std::uint32_t max_packet = 0;
  std::uint8_t collation = 0;
  std::string user;
  std::string auth_answer;
  std::string database;     // Empty: no database.
  std::string auth_plugin;  // Empty: the client names no method.
};

// The first part of a login, which a client sends alone to ask for TLS. When the connection is
// encrypted, the client sends the whole login. The server gives no answer in between, so that the
// first bytes of TLS may come together with this packet.
std::string BuildTlsRequest(const Login& login);
// Whether the packet is what BuildTlsRequest makes.
bool IsTlsRequest(std::string_view payload);

std::string BuildLogin(const Login& login);
// nullopt: the packet is malformed, or of a protocol before 4.1.
std::optional<Login> ParseLogin(std::string_view payload);

// Parses a kChangeUser of a client that has logged in with `capabilities`, which the result has,
// too. If the client names no collation, the result has kDefaultCollation. nullopt: the packet is
// malformed.
std::optional<Login> ParseChangeUser(std::string_view payload, std::uint32_t capabilities);

// The request of a server that the client authenticates with another method than the client chose.
struct AuthSwitch {
  std::string plugin;
  std::string scramble;
};

std::string BuildAuthSwitch(const AuthSwitch& request);
// nullopt: the packet is malformed. The caller has seen that the first byte is kEofHeader.
std::optional<AuthSwitch> ParseAuthSwitch(std::string_view payload);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_
