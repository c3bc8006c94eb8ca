// A client's session, from its connection to its end.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_SESSION_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proxy/core/admissions.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/input_wait.h"
#include "proxy/core/protocol.h"
#include "proxy/core/retry_driver.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy/postgres/session/client_connection.h"
#include "proxy/postgres/session/credentials.h"
#include "proxy/postgres/session/postgres_context.h"
#include "proxy/postgres/session/request.h"
#include "proxy/postgres/session/upstream.h"

namespace postgres_proxy {

// Used on its event loop only.
class PostgresSession final : public proxy::Session {
 public:
  // `context` is not owned.
  PostgresSession(const PostgresContext& context, proxy::Socket socket, proxy::Admission admission);
  ~PostgresSession() override;

  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;

  proxy::Task<> Run() override;
  void Drain() override;
  void End() override;
  void GiveUpIfSilent() override;

 private:
  // The functions that return a Task<bool> return false if the session is over.
  proxy::Task<bool> LogIn();
  // Reads the start-up packet, and answers what comes before it. False: there is no session.
  proxy::Task<bool> ReadStartup();
  proxy::Task<bool> StartTls();
  proxy::Task<> Cancel(const CancelKey& key);
  proxy::Task<bool> CheckStartup();
  proxy::Task<bool> Authenticate();
  proxy::Task<bool> Admit();
  // Connects to a backend, and tells the client that its session begins.
  proxy::Task<bool> ConnectFirst();

  proxy::Task<bool> ServeOneRequest();
  // Reads a request up to its Sync, or up to where the client waits for an answer.
  proxy::Task<bool> ReadRequest(Request& request);
  // Waits for input of the client, and passes on what the backend says meanwhile.
  proxy::Task<bool> AwaitInput(bool idle);
  proxy::Task<bool> TakeMessage(Request& request, std::size_t begin);
  proxy::Task<bool> RunRequest(Request& request);
  proxy::Task<bool> AnswerLostTransaction(Request& request);
  // Skips what the client has sent up to its Sync, and answers `status` to the Sync, behind the
  // messages `before`.
  proxy::Task<bool> EndAnswer(char status, Request& request, std::string before = {});
  // Tells the client of an error, and ends the answer.
  proxy::Task<bool> TellError(const ProxyError& error, char status, Request& request);
  // Reads and drops what the client has sent behind a message that failed, up to its Sync.
  proxy::Task<bool> SkipToSync(Request& request);
  bool MustEnd() const;

  proxy::Task<bool> WriteFatal(std::string_view sqlstate, std::string_view text);

  const PostgresContext& context_;
  const proxy::Executor executor_;
  ClientConnection client_;
  proxy::Admission admission_;
  proxy::RetryDriver driver_;
  proxy::InputWait input_wait_;
  Startup startup_;
  std::optional<Credentials> credentials_;  // from the start-up packet on
  std::optional<Upstream> upstream_;        // from the login on

  std::string bytes_;  // the messages of the request at hand
  // The client was told that its transaction is lost, and has not ended the transaction yet.
  bool transaction_lost_ = false;
  bool idle_ = false;     // the session waits for a request
  bool prelude_ = false;  // the last request was a prelude, and its Sync is still to come
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_SESSION_H_
