// A client's session, from its connection to its end.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/protocol.h"
#include "proxy/core/retry_driver.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/session/client_connection.h"
#include "proxy/mysql/session/mysql_context.h"
#include "proxy/mysql/session/request.h"
#include "proxy/mysql/session/upstream.h"

namespace mysql_proxy {

// Used on its event loop only.
class MysqlSession final : public proxy::Session {
 public:
  // `context` is not owned. The client learns `connection_id`.
  MysqlSession(const MysqlContext& context, proxy::Socket socket, std::uint32_t connection_id);
  ~MysqlSession() override { client_.Close(); }

  MysqlSession(const MysqlSession&) = delete;
  MysqlSession& operator=(const MysqlSession&) = delete;

  proxy::Task<> Run() override;
  void Drain() override;
  void GiveUpIfSilent() override;

 private:
  // The functions that return a Task<bool> return false if the session is over.
  proxy::Task<bool> LogIn();
  proxy::Task<std::optional<Login>> ReadLogin(const std::string& scramble);
  proxy::Task<bool> Greet(const std::string& scramble);
  proxy::Task<bool> ConnectFirst(std::uint8_t answer_sequence);

  proxy::Task<bool> ServeOneCommand();
  bool MustEnd() const;
  proxy::Task<bool> Dispatch();
  proxy::Task<bool> RunText(Command command, std::string_view sql, ReplyKind kind);
  proxy::Task<bool> RunPrepare();
  proxy::Task<bool> RunExecute();
  proxy::Task<bool> RunOnStatement(Command command);
  proxy::Task<bool> RunReset();

  // Lets the retry driver execute the request, and tells the client of an error.
  proxy::Task<bool> RunRequest(Request& request);

  proxy::Task<bool> WriteOk(std::uint8_t sequence);
  proxy::Task<bool> WriteError(const failover::mysql::MysqlError& error, std::uint8_t sequence);
  proxy::Task<bool> WritePacket(std::string_view payload, std::uint8_t sequence);

  const MysqlContext& context_;
  const proxy::Executor executor_;
  const std::uint32_t connection_id_;
  ClientConnection client_;
  proxy::RetryDriver driver_;
  std::optional<Upstream> upstream_;  // from the login on

  bool idle_ = false;  // the session waits for a command
  bool draining_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_SESSION_H_
