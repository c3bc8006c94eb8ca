// The server side of a session: its connection to the primary, which is replaced when it is lost or
// another server becomes the primary, and then put into the state that the client had.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_
#define FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "failover/buffer.h"
#include "failover/mysql/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/reply_stream.h"
#include "proxy/mysql/session/client_connection.h"
#include "proxy/mysql/session/prepared_statements.h"
#include "proxy/mysql/session/proxy_context.h"
#include "proxy/mysql/session/request.h"
#include "proxy/mysql/session/server_connection.h"
#include "proxy/mysql/session/session_state.h"

namespace mysql_proxy {

// Used on its event loop only, by one coroutine at a time; GiveUpIfSilent at any time.
class Upstream final : private ReplyObserver {
 public:
  // `login` is the client's.
  Upstream(const ProxyContext& context, const Executor& executor, const Login& login);

  const SessionState& state() const { return state_; }
  PreparedStatements& statements() { return statements_; }

  // Sees to it that there is a connection to the primary. Errors are those of statements that were
  // not sent.
  Task<absl::Status> Connect();
  // A new request; it must stay where it is until the next one.
  void Begin(Request& request);
  // Connects, sends the request and passes the reply on as it comes. As soon as the client gets a
  // part of it, `retry` is told that it has succeeded. An error has not been passed on yet; those
  // of which a retry is safe may be followed by another Execute. kCancelled: the client
  // is gone, or nothing sensible can be said to it any more.
  Task<absl::Status> Execute(ClientConnection& client, failover::RetryDoneFunc& retry);
  // Of the request at hand, as far as it came.
  const ReplyStream& reply() const { return reply_; }

  // The client closed a prepared statement.
  Task<> Close(const PreparedStatement& statement);
  // The client wants a session like a new one.
  Task<> Reset();

  // Ends an exchange with a server that has not answered health checks for too long.
  void GiveUpIfSilent();

 private:
  // ReplyObserver
  void OnOk(const OkPacket& ok) override;
  failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) override;
  void OnPrepared(const PreparedReply& prepared) override;

  // Drops a connection that is dead, or that is not to the primary and has no transaction that may
  // end well.
  absl::Status DropIfUseless();
  // An error says what is lost with the connection; OK: nothing that the client must know of.
  absl::Status Drop();
  // `why`, unless more than that is lost with the connection.
  absl::Status DropBecause(absl::Status why);
  Task<absl::Status> Open();
  Task<absl::Status> Restore();

  Task<absl::Status> Exchange(ClientConnection& client, failover::RetryDoneFunc& retry);
  Task<absl::Status> PrepareAgain(PreparedStatement& statement);
  void PrepareExecute();
  void BuildWire();
  Task<absl::Status> PassReply(ClientConnection& client, failover::RetryDoneFunc& retry);
  absl::Status Refusal();
  // The server's error, and what it means for the statement at hand.
  absl::Status Judge(failover::mysql::MysqlError error) const;
  // Whether an error says that the server is no primary any more.
  bool TellsOfFailover(const failover::mysql::MysqlError& error) const;
  absl::Status Loss();
  absl::Status Nonsense();

  const ProxyContext& context_;
  const Executor executor_;
  ServerLogin login_;

  SessionState state_;
  PreparedStatements statements_;
  std::unique_ptr<ServerConnection> connection_;
  std::uint64_t connections_ = 0;  // made so far
  // After this the session must not use it any more.
  bool is_left_behind_ = false;

  // Of the request at hand.
  Request* request_ = nullptr;
  failover::mysql::StatementState statement_state_;
  ReplyStream reply_;
  bool malformed_ = false;
  std::string out_;  // on its way to the server, then to the client
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_
