// A client's session, from its connection to its end.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SESSION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"
#include "proxy/core/asio_types.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/session/client_connection.h"
#include "proxy/mysql/session/failover_wait.h"
#include "proxy/mysql/session/proxy_context.h"
#include "proxy/mysql/session/request.h"
#include "proxy/mysql/session/upstream.h"

namespace mysql_proxy {

// Used on its event loop only.
class Session {
 public:
  Session(const ProxyContext& context, const Executor& executor, Socket socket,
          std::uint32_t connection_id);
  ~Session() { client_->Close(); }

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves the client until one of the two wants to end.
  Task<> Run();

  // Ends the session as soon as nothing is under way: no statement, no transaction.
  void Drain();
  // See Upstream.
  void GiveUpIfSilent();

 private:
  // The functions that return a Task<bool> return false if the session is over.
  Task<bool> LogIn();
  Task<std::optional<Login>> ReadLogin(const std::string& scramble);
  Task<bool> Greet(const std::string& scramble);
  Task<bool> ConnectFirst(std::uint8_t answer_sequence);

  Task<bool> ServeOneCommand();
  bool MustEnd() const;
  Task<bool> Dispatch();
  Task<bool> RunText(Command command, std::string_view sql, ReplyKind kind);
  Task<bool> RunPrepare();
  Task<bool> RunExecute();
  Task<bool> RunOnStatement(Command command);
  Task<bool> RunReset();

  // Holds the request while the primary fails over, and retries it if that is safe.
  Task<bool> Run(Request& request);
  bool MayRetry(const absl::Status& error) const;
  Task<bool> Conclude(const Request& request, const absl::Status& error,
                      const absl::Status& before);

  Task<bool> WriteOk(std::uint8_t sequence);
  Task<bool> WriteError(const failover::mysql::MysqlError& error, std::uint8_t sequence);
  Task<bool> WritePacket(std::string_view payload, std::uint8_t sequence);

  const ProxyContext& context_;
  const Executor executor_;
  const std::uint32_t connection_id_;
  const std::shared_ptr<ClientConnection> client_;
  FailoverWait wait_;
  std::optional<Upstream> upstream_;  // once logged in

  bool idle_ = false;  // waiting for a command
  bool draining_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SESSION_H_
