// A connection to a backend.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_BACKEND_CONNECTION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_BACKEND_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/router.h"
#include "proxy/core/stream.h"
#include "proxy/core/tls.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/packet_assembler.h"
#include "proxy/mysql/protocol/password_proof.h"
#include "proxy/mysql/protocol/reply_stream.h"

namespace mysql_proxy {

// How to log in to a backend.
struct BackendLogin {
  std::string user;
  std::string password;
  // The capabilities that the client asked for. The backend is asked for those of them that the
  // proxy passes on.
  std::uint32_t client_capabilities = 0;
  // The capabilities of MariaDB that the client has. A backend that lacks one of them is refused,
  // because the client reads replies in this form only.
  std::uint32_t mariadb_capabilities = 0;
  std::uint8_t collation = kDefaultCollation;
  std::string schema;  // empty: no default schema
  proxy::BackendTls tls = {};
  const RsaKey* server_key = nullptr;  // not owned; nullptr: no key of the backend is known
};

// All calls come from the connection's event loop, and from one coroutine at a time. Only Close may
// also be called while another function runs. That function then fails.
class BackendConnection {
 public:
  // `backend` is an index in Router::backends(). `number` distinguishes the connection from the
  // other connections of its session.
  BackendConnection(const proxy::Executor& executor, std::size_t backend, std::uint64_t number);

  std::size_t backend() const { return backend_; }
  std::uint64_t number() const { return number_; }
  // How the backend has greeted the proxy, once Connect has succeeded.
  const Greeting& greeting() const { return greeting_; }
  // The status flags that the backend reported last to a command of the proxy itself.
  std::uint16_t status() const { return status_; }

  // Connects, encrypts the connection as login.tls says, and logs in. `address.host` must be
  // numeric. A backend that does not prove who it is gets neither a name nor a password. An error
  // of Connect or of Execute says that the client's statement was not executed.
  proxy::Task<absl::Status> Connect(const proxy::Address& address, const BackendLogin& login);
  // Sends a command of the proxy itself that is answered with one OK packet.
  proxy::Task<absl::Status> Execute(Command command, std::string_view text);
  // Prepares a statement that the client has prepared before on another connection.
  proxy::Task<absl::StatusOr<PreparedReply>> Prepare(std::string_view sql);

  // Whether the backend has closed the connection, or has said something without being asked. Then
  // it is certain that a statement that is not sent yet will not be executed here.
  bool IsStale();

  // Returns how many bytes were sent. These are all bytes, unless the connection is lost.
  proxy::Task<std::size_t> Send(std::string_view bytes);
  // Returns what the backend has sent next; empty: the connection is lost. Valid until the next
  // call of any function.
  proxy::Task<std::string_view> Receive();

  void Close();
  // Tells the backend that the connection ends, and closes the connection. Only for a connection on
  // which nothing is under way: a backend that is told so in the middle of a statement does not see
  // any more that nobody waits for the statement.
  void Quit();

 private:
  proxy::Task<absl::Status> Handshake(const BackendLogin& login);
  proxy::Task<absl::Status> Encrypt(const proxy::BackendTls& tls, const Login& login,
                                    std::uint32_t capabilities);
  // Proves the password after the login was sent. `sequence` is the number of the backend's next
  // packet.
  proxy::Task<absl::Status> Authenticate(PasswordProof& proof, std::uint8_t sequence);
  // Takes the OK or the error with which a login ends.
  absl::Status EndLogin(std::string_view packet);
  proxy::Task<bool> Read(std::uint8_t sequence);
  proxy::Task<bool> SendPacket(std::string_view payload, std::uint8_t sequence);
  absl::Status Failed(std::string_view what) const;
  absl::Status RefusedByTls(std::string_view why) const;

  proxy::Stream stream_;
  const std::size_t backend_;
  const std::uint64_t number_;
  std::string address_;     // for texts of errors
  std::string why_;         // the text of the last failure
  bool tls_error_ = false;  // the last failure was that of TLS, and no lost connection
  bool logged_in_ = false;
  Greeting greeting_;
  std::uint16_t status_ = 0;

  PacketAssembler assembler_;
  std::array<char, 16384> buffer_;
  std::string_view input_;  // the part of buffer_ that Read has not looked at yet
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_BACKEND_CONNECTION_H_
