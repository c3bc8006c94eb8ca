// The backend side of a session: its connection to the primary. The connection is replaced when it
// is lost or when another backend becomes the primary, and the new one is put into the state that
// the client has made of its session.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_
#define FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/connect_turns.h"
#include "proxy/core/retry_driver.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/reply_stream.h"
#include "proxy/mysql/session/backend_connection.h"
#include "proxy/mysql/session/client_connection.h"
#include "proxy/mysql/session/exchange_failures.h"
#include "proxy/mysql/session/mysql_context.h"
#include "proxy/mysql/session/prepared_statements.h"
#include "proxy/mysql/session/request.h"
#include "proxy/mysql/session/session_state.h"

namespace mysql_proxy {

// Used on its event loop only, by one coroutine at a time. GiveUpIfSilent may be called at any
// time.
class Upstream final : private ReplyObserver {
 public:
  // `login` is the login of a client that was let in. The backends see the account of its user.
  // `context` is not owned. The client knows its session by `session_id`.
  Upstream(const MysqlContext& context, const proxy::Executor& executor, const Login& login,
           std::uint32_t session_id);
  // Takes leave of the backend.
  ~Upstream() override;

  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // The capabilities that the client has now.
  std::uint32_t client_capabilities() const { return login_.client_capabilities; }
  std::uint32_t mariadb_capabilities() const { return login_.mariadb_capabilities; }

  const SessionState& state() const { return state_; }
  PreparedStatements& statements() { return statements_; }

  // Makes sure that there is a connection to the primary. An error is that of a statement that was
  // not sent.
  proxy::Task<absl::Status> Connect();
  // Whether the session has a connection on which the request at hand would be executed now.
  bool HasLiveConnection() const;
  // Takes a new request, which must stay where it is until the next Begin.
  void Begin(Request& request);
  // Connects, sends the request, and passes the reply on as it comes. Before the client gets the
  // first part of the reply, `notice` is told. The client has not been told
  // of an error yet; exchange_failures.h says what follows from it. After an error that allows a
  // retry, Execute may be called again. kCancelled: the client is gone, or nothing sensible can be
  // said to the client any more.
  proxy::Task<absl::Status> Execute(ClientConnection& client, proxy::ReplyNotice& notice);
  // The reply to the request at hand, as far as it came.
  const ReplyStream& reply() const { return reply_; }

  // Tells the backend that the client has closed a prepared statement.
  proxy::Task<> Close(const PreparedStatement& statement);
  // Closes the cursor of a statement, if there is one.
  proxy::Task<> CloseCursor(PreparedStatement& statement);
  // Gives the client a session that is like a new one.
  proxy::Task<> Reset();

  // Whether a request was sent, and the backend has not sent all of the reply.
  bool is_waiting() const { return is_waiting_; }
  // Ends the exchange at hand, because nobody waits for the reply any more. From now on Execute
  // executes nothing, so that a statement that is held is not executed later.
  void Abandon();
  // Ends an exchange with a backend that has not answered health checks for too long.
  void GiveUpIfSilent();

 private:
  // ReplyObserver
  void OnOk(const OkPacket& ok) override;
  failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) override;
  void OnPrepared(const PreparedReply& prepared) override;

  // Learns what the reply to some commands changes.
  void LearnFromCommand(const OkPacket& ok);
  // Ends connection_, which may be nullptr. Tells the backend, unless an exchange is under way.
  void CloseConnection();
  // Whether the request at hand may go to connection_, which must not be nullptr.
  bool MayUseConnection() const;
  // Whether another connection could not take the place of connection_ for the request at hand.
  bool IsIrreplaceable() const;
  // Drops a connection that is dead or that the connection policy does not keep.
  absl::Status DropIfUseless();
  // Closes the connection. An error says what the session has lost with the connection; OK: the
  // session has lost nothing that the client must know of.
  absl::Status Drop();
  // Opens a connection to the primary, when it is this session's turn.
  proxy::Task<absl::Status> Open();
  proxy::Task<absl::Status> OpenNow();
  // Takes the account that the user has now. False: the user may no longer log in.
  bool TakeAccount();
  proxy::Task<absl::Status> Restore();

  proxy::Task<absl::Status> Exchange(ClientConnection& client, proxy::ReplyNotice& notice);
  proxy::Task<absl::Status> PrepareAgain(PreparedStatement& statement);
  absl::Status CheckCursor();
  void PrepareExecute();
  void BuildWire();
  proxy::Task<absl::Status> PassReply(ClientConnection& client, proxy::ReplyNotice& notice);

  // The facts of a failure of the exchange at hand.
  ExchangeFailure Failure(ExchangeEvent event) const;
  // Does with the connection what the table of failures says, and returns the error to tell.
  absl::Status Fail(const ExchangeFailure& failure);
  absl::Status Fail(ExchangeEvent event);
  // The client is told that nobody knows whether the statement was executed, and that no
  // transaction and no table lock is left. So the session forgets both and closes the connection.
  void LeaveBehind();

  const MysqlContext& context_;
  const proxy::Executor executor_;
  const std::uint32_t session_id_;
  const std::string user_;
  BackendLogin login_;  // its account is that of the last TakeAccount

  SessionState state_;
  PreparedStatements statements_;
  std::unique_ptr<BackendConnection> connection_;
  std::uint64_t connections_ = 0;  // the number of connections that were made so far
  // The shard's epoch for which connection_ is good.
  std::uint64_t epoch_ = 0;
  // The backend refused a statement on connection_ in a later epoch.
  bool is_outdated_ = false;
  // LeaveBehind was called for connection_.
  bool is_left_behind_ = false;
  bool is_waiting_ = false;
  bool is_abandoned_ = false;
  // Has a value while a connection is being made.
  std::optional<proxy::ConnectTurn> connect_turn_;

  // These belong to the request at hand.
  Request* request_ = nullptr;
  failover::mysql::StatementState statement_state_;
  bool may_begin_transaction_ = false;
  std::uint64_t epoch_when_sent_ = 0;
  ReplyStream reply_;
  bool malformed_ = false;
  ExchangeFailure refusal_;  // of the last error packet
  std::string out_;          // on its way to the backend, then to the client
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_UPSTREAM_H_
