// A client's session, from its connection to its end.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"
#include "proxy/core/admissions.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/protocol.h"
#include "proxy/core/retry_driver.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/kill_statement.h"
#include "proxy/mysql/session/backend_connection.h"
#include "proxy/mysql/session/client_connection.h"
#include "proxy/mysql/session/mysql_context.h"
#include "proxy/mysql/session/request.h"
#include "proxy/mysql/session/session_registry.h"
#include "proxy/mysql/session/upstream.h"

namespace mysql_proxy {

// Used on its event loop only.
class MysqlSession final : public proxy::Session {
 public:
  // `context` is not owned. The client learns `connection_id`.
  MysqlSession(const MysqlContext& context, proxy::Socket socket, std::uint32_t connection_id,
               proxy::Admission admission);
  ~MysqlSession() override;

  MysqlSession(const MysqlSession&) = delete;
  MysqlSession& operator=(const MysqlSession&) = delete;

  proxy::Task<> Run() override;
  void Drain() override;
  void End() override;
  void GiveUpIfSilent() override;

 private:
  // The functions that return a Task<bool> return false if the session is over.
  proxy::Task<bool> LogIn();
  proxy::Task<> SeePrimaryGreeting();
  proxy::Task<bool> Greet();
  proxy::Task<std::optional<Login>> ReadLogin();
  // Lets the client prove its password. Returns the sequence number of the answer to the login;
  // nullopt: the session is over, and the client was told why.
  proxy::Task<std::optional<std::uint8_t>> Prove(const Login& login);
  // Begins a session for a client that has logged in, and connects to a backend.
  proxy::Task<bool> Begin(const Login& login, std::uint8_t answer_sequence);
  // How to log in to a backend for a purpose of the proxy itself.
  BackendLogin LoginWith(const BackendAccount& account, std::size_t backend) const;
  proxy::Task<bool> ConnectFirst(std::uint8_t answer_sequence);

  proxy::Task<bool> ServeOneCommand();
  bool MustEnd() const;
  proxy::Task<bool> Dispatch();
  proxy::Task<bool> RunText(Command command, std::string_view sql, ReplyKind kind);
  proxy::Task<bool> RunPrepare();
  proxy::Task<bool> RunExecute();
  proxy::Task<bool> RunOnStatement(Command command);
  proxy::Task<bool> RunFetch();
  proxy::Task<bool> RunReset();
  proxy::Task<bool> RunChangeUser();
  proxy::Task<bool> RunProcessKill();
  // Kills what the session with this id runs, or the session itself.
  proxy::Task<bool> RunKill(const KillStatement& kill);
  proxy::Task<absl::Status> KillThread(const BackendThread& thread, bool query_only);

  // Lets the retry driver execute the request, and tells the client of an error.
  proxy::Task<bool> RunRequest(Request& request);

  proxy::Task<bool> WriteOk(std::uint8_t sequence);
  proxy::Task<bool> WriteError(const failover::mysql::MysqlError& error, std::uint8_t sequence);
  proxy::Task<bool> WritePacket(std::string_view payload, std::uint8_t sequence);

  const MysqlContext& context_;
  const proxy::Executor executor_;
  const std::uint32_t connection_id_;
  const std::string client_host_;
  // A weak pointer to this object tells whether the session lives.
  const std::shared_ptr<MysqlSession*> alive_ = std::make_shared<MysqlSession*>(this);
  ClientConnection client_;
  proxy::Admission admission_;
  proxy::RetryDriver driver_;
  std::string scramble_;               // that the client answers
  std::string user_;                   // from the login on
  std::uint32_t offered_mariadb_ = 0;  // the capabilities of MariaDB in the greeting
  std::optional<Upstream> upstream_;   // from the login on

  bool idle_ = false;  // the session waits for a command
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_
