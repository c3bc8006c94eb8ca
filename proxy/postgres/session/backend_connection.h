// A connection to a backend.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_BACKEND_CONNECTION_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_BACKEND_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/postgres/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/router.h"
#include "proxy/core/stream.h"
#include "proxy/core/tls.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy/postgres/session/credentials.h"

namespace postgres_proxy {

// How to log in to a backend.
struct BackendLogin {
  // What the client's start-up packet had.
  const Parameters& parameters;
  Credentials& credentials;
  proxy::BackendTls tls = {};
  // Whether the password may go to the backend in clear text, if the connection is encrypted.
  bool may_send_cleartext = false;
};

// All calls come from the connection's event loop, and from one coroutine at a time. Only Close may
// also be called while another function runs. That function then fails.
class BackendConnection {
 public:
  // `backend` is an index in Router::backends(). `number` distinguishes the connection from the
  // other connections of its session.
  BackendConnection(const proxy::Executor& executor, std::size_t backend, std::uint64_t number)
      : stream_(executor), backend_(backend), number_(number) {}

  std::size_t backend() const { return backend_; }
  std::uint64_t number() const { return number_; }
  // What the backend has said in the login, once Connect has succeeded.
  const std::map<std::string, std::string>& parameters() const { return parameters_; }
  const CancelKey& key() const { return key_; }

  // Connects, encrypts the connection as `login.tls` says, and logs in. `address.host` must be
  // numeric. An error of Connect or of Run says that the client's statement was not executed.
  proxy::Task<absl::Status> Connect(const proxy::Address& address, BackendLogin login);
  // Runs messages of the proxy itself, which end with a Query or a Sync. Succeeds if no statement
  // failed. Whatever the statements answer is thrown away, but what is reported goes to
  // parameters().
  proxy::Task<absl::Status> Run(std::string_view messages);
  // Connects and sends a request to cancel, then waits until the backend closes the connection.
  proxy::Task<> Cancel(const proxy::Address& address, const proxy::BackendTls& tls,
                       const CancelKey& key);

  // For waits only.
  proxy::Stream& stream() { return stream_; }

  // Returns how many bytes were sent. These are all bytes, unless the connection is lost.
  proxy::Task<std::size_t> Send(std::string_view bytes);
  // Sends what can be sent now, and returns how much that was. False in `lives`: the connection is
  // lost.
  std::size_t SendNow(std::string_view bytes, bool& lives);
  // Returns what the backend has sent next; empty: the connection is lost. Valid until the next
  // call of any function.
  proxy::Task<std::string_view> Receive();
  // Returns what is there now. Empty: there is nothing, or the connection is_lost().
  std::string_view ReceiveNow();
  bool is_lost() const { return lost_; }
  // Why the last call failed.
  const std::string& why() const { return why_; }

  void Close();
  // Tells the backend that the connection ends, and closes the connection. Only for a connection on
  // which nothing is under way.
  void Quit();

 private:
  proxy::Task<absl::Status> Dial(const proxy::Address& address, const proxy::BackendTls& tls);
  proxy::Task<absl::Status> Encrypt(const proxy::BackendTls& tls);
  proxy::Task<absl::Status> Authenticate(BackendLogin& login);
  proxy::Task<absl::Status> AnswerScram(std::string_view mechanisms, BackendLogin& login);
  proxy::Task<absl::Status> AnswerMd5(std::string_view salt, BackendLogin& login);
  proxy::Task<absl::Status> AnswerCleartext(BackendLogin& login);
  proxy::Task<absl::Status> AwaitReady();
  // Reads the next message into message_. False: there is none.
  proxy::Task<bool> ReadMessage();
  // The same, and an ErrorResponse is an error.
  proxy::Task<absl::Status> ReadAuthentication();
  proxy::Task<bool> SendMessage(char type, std::string_view body);
  char type() const { return cutter_.type(); }
  std::string_view body() const { return std::string_view(message_).substr(kHeaderSize); }
  void LearnParameter();
  absl::Status Failed(std::string_view what) const;
  absl::Status RefusedInLogin() const;
  absl::Status Unacceptable(std::string_view what) const;

  proxy::Stream stream_;
  const std::size_t backend_;
  const std::uint64_t number_;
  std::string address_;  // for texts of errors
  std::string why_;
  bool lost_ = false;
  bool logged_in_ = false;
  std::map<std::string, std::string> parameters_;
  CancelKey key_;

  MessageCutter cutter_;
  std::string message_;
  std::array<char, 16384> buffer_;
  std::string_view input_;  // the part of buffer_ that ReadMessage has not looked at yet
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_BACKEND_CONNECTION_H_
