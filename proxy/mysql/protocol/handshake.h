// The first packets of a connection, as either side sends and reads them.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

// What a server says first.
struct Greeting {
  std::string server_version;
  std::uint32_t connection_id = 0;
  std::string scramble;
  std::uint32_t capabilities = 0;
  std::uint16_t status = 0;
  std::uint8_t collation = 0;
  std::string auth_plugin;
};

std::string BuildGreeting(const Greeting& greeting);
// nullopt: malformed, or older than protocol 4.1.
std::optional<Greeting> ParseGreeting(std::string_view payload);

// What a client answers.
struct Login {
  std::uint32_t capabilities = 0;
  std::uint32_t max_packet = 0;
  std::uint8_t collation = 0;
  std::string user;
  std::string auth_answer;
  std::string database;     // empty: none
  std::string auth_plugin;  // empty: not told
};

std::string BuildLogin(const Login& login);
// nullopt: malformed, or older than protocol 4.1.
std::optional<Login> ParseLogin(std::string_view payload);

// A server's wish to authenticate with another method than the client chose.
struct AuthSwitch {
  std::string plugin;
  std::string scramble;
};

std::string BuildAuthSwitch(const AuthSwitch& request);
// nullopt: malformed. The payload's first byte is kEofHeader.
std::optional<AuthSwitch> ParseAuthSwitch(std::string_view payload);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_HANDSHAKE_H_
