// A connection to a MySQL or MariaDB server.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SERVER_CONNECTION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SERVER_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/router.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/packet_assembler.h"
#include "proxy/mysql/protocol/reply_stream.h"

namespace mysql_proxy {

// How to log in.
struct ServerLogin {
  std::string user;
  std::string password;
  // Of the client, of which the server gets what the proxy passes on.
  std::uint32_t client_capabilities = 0;
  std::uint8_t collation = kDefaultCollation;
  std::string schema;  // empty: none
};

// Used on its event loop only, by one coroutine at a time. Close may be called at any time; then
// what is running fails.
class ServerConnection {
 public:
  // `number` tells it from the session's other connections.
  ServerConnection(const Executor& executor, std::size_t server, std::uint64_t number);

  std::size_t server() const { return server_; }
  std::uint64_t number() const { return number_; }
  // As the server reported it last for a statement of the proxy.
  std::uint16_t status() const { return status_; }

  // Connects and logs in. Errors of this and of Execute are those of statements that were not sent.
  // `address.host` is numeric.
  Task<absl::Status> Connect(const ServerAddress& address, const ServerLogin& login);
  // A command that is answered with one OK.
  Task<absl::Status> Execute(Command command, std::string_view text);
  // Prepares a statement, whose client has it already.
  Task<absl::StatusOr<PreparedReply>> Prepare(std::string_view sql);

  // Whether the server has closed the connection, or said something without being asked. Certain:
  // what is not sent yet will not be executed.
  bool IsStale();

  // Returns how many bytes were sent; all, unless the connection is lost.
  Task<std::size_t> Send(std::string_view bytes);
  // What the server sent next; empty: the connection is lost. Valid until the next call.
  Task<std::string_view> Receive();

  void Close();

 private:
  Task<absl::Status> Handshake(const ServerLogin& login);
  Task<absl::Status> Authenticate(const ServerLogin& login);
  Task<bool> Read(std::uint8_t sequence);
  Task<bool> SendPacket(std::string_view payload, std::uint8_t sequence);
  absl::Status Failed(std::string_view what) const;

  Socket socket_;
  const std::size_t server_;
  const std::uint64_t number_;
  std::string address_;  // for people
  std::string why_;      // the last failure
  std::uint16_t status_ = 0;

  PacketAssembler assembler_;
  std::array<char, 16 * 1024> buffer_;
  std::string_view input_;  // the part of buffer_ that was not looked at yet
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SERVER_CONNECTION_H_
